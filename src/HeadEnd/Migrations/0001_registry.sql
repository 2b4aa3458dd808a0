-- Devices, their registers and the credentials they sign in with.
-- class and status are persisted enums (DeviceClass.cs, DeviceStatus.cs), append-only.
create table headend.device (
    device_id bigint generated always as identity primary key,
    organization_id bigint not null references accounts.organization,
    text_id text not null unique check (text_id ~ '^[A-Za-z0-9._-]{1,64}$'),
    name text not null default '',
    class smallint not null default 1,
    status smallint not null default 1,
    time_zone text not null default 'Asia/Seoul',
    -- the concentrator (DCU) this meter is read through, if any
    carrier_id bigint references headend.device,
    -- how it came to be: by hand, or automatically at its first uplink
    registered_automatically boolean not null default false,
    created_at timestamptz not null default now()
);
create index device_of_organization on headend.device (organization_id, text_id);
create index device_carried on headend.device (carrier_id) where carrier_id is not null;

-- Last contact, written in groups every few seconds, apart from the device so that the registry itself stays quiet.
create table headend.device_presence (
    device_id bigint primary key references headend.device on delete cascade,
    connected boolean not null default false,
    last_seen_at timestamptz,
    last_reading_at timestamptz,
    remote text
) with (fillfactor = 70);

-- One register (quantity) of one device. Its meaning is in register_version.
create table headend.register (
    register_id bigint generated always as identity primary key,
    device_id bigint not null references headend.device,
    obis text not null,
    created_at timestamptz not null default now(),
    unique (device_id, obis)
);

-- Immutable: a new scale, unit or transformer ratio is a new version from its time on.
-- value of a reading x 10^exponent is in unit; minimum and maximum are in the register's own integer.
create table headend.register_version (
    register_id bigint not null references headend.register,
    version integer not null,
    valid_from timestamptz not null,
    unit text not null,
    exponent smallint not null,
    minimum bigint,
    maximum bigint,
    interval_seconds integer,
    created_at timestamptz not null default now(),
    primary key (register_id, version)
);

-- What a device or service signs in to MQTT with. kind: 1 device secret, 2 certificate, 3 service secret.
create table headend.credential (
    credential_id bigint generated always as identity primary key,
    organization_id bigint not null references accounts.organization,
    kind smallint not null,
    user_name text not null unique,
    device_id bigint references headend.device,
    -- keyed hash (HMAC-SHA-256) of a random secret of at least 128 bits
    secret_hash bytea,
    certificate_sha256 bytea unique,
    -- services: topic filters they may publish to and subscribe to
    publish_filters text[] not null default '{}',
    subscribe_filters text[] not null default '{}',
    label text not null default '',
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz
);
create index credential_of_device on headend.credential (device_id) where device_id is not null;
