-- Who may use the product. Everything that belongs to somebody carries organization_id.
create table accounts.organization (
    organization_id bigint generated always as identity primary key,
    text_id text not null unique check (text_id ~ '^[A-Za-z0-9._-]{1,64}$'),
    name text not null,
    time_zone text not null default 'Asia/Seoul',
    created_at timestamptz not null default now()
);

-- role: 1 viewer, 2 operator, 3 administrator, 4 household (append-only, see Role.cs)
create table accounts.person (
    person_id bigint generated always as identity primary key,
    organization_id bigint not null references accounts.organization,
    sign_in_name text not null,
    display_name text not null,
    role smallint not null,
    password_hash text not null,
    must_change_password boolean not null default false,
    disabled_at timestamptz,
    -- grows with each change of rights or password: a live sign-in with an older number ends
    security_version integer not null default 1,
    preferences jsonb not null default '{}',
    last_signed_in_at timestamptz,
    created_at timestamptz not null default now()
);
create unique index person_sign_in_name on accounts.person (lower(sign_in_name));

create table accounts.token (
    token_id bigint generated always as identity primary key,
    organization_id bigint not null references accounts.organization,
    name text not null,
    role smallint not null,
    -- keyed hash of a random secret of 256 bits; the secret itself is shown once
    secret_hash bytea not null unique,
    created_by bigint references accounts.person,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz
);

-- A household person sees only the rows of the metering points granted here (prepared; no page uses it yet).
create table accounts.household_scope (
    person_id bigint not null references accounts.person on delete cascade,
    device_id bigint not null,
    granted_at timestamptz not null default now(),
    primary key (person_id, device_id)
);

create table accounts.audit (
    audit_id bigint generated always as identity primary key,
    organization_id bigint references accounts.organization,
    happened_at timestamptz not null default now(),
    -- person:NAME, token:NAME, command-line, system
    actor text not null,
    remote text,
    action text not null,
    target text not null,
    detail jsonb not null default '{}'
);
create index audit_newest on accounts.audit (organization_id, audit_id desc);

-- ASP.NET data-protection keys: in the database, so that a second server serves the same sign-in.
create table accounts.data_protection_key (
    key_id bigint generated always as identity primary key,
    friendly_name text not null unique,
    xml text not null,
    created_at timestamptz not null default now()
);

-- Named secrets of the installation, such as the key that device secrets are hashed with.
create table accounts.installation_key (
    name text primary key,
    value bytea not null,
    created_at timestamptz not null default now()
);
