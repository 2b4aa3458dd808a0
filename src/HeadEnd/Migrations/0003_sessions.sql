-- The broker's state that survives a crash. Queues are references into one message log plus a cursor per session.
create table headend.mqtt_session (
    client_id text primary key,
    owner text not null,
    version smallint not null,
    expiry_interval bigint not null,
    is_connected boolean not null,
    disconnected_at timestamptz,
    will_delay bigint not null default 0,
    will_retain boolean not null default false,
    will_topic text,
    will_payload bytea,
    will_properties bytea,
    will_qos smallint,
    will_expires_at timestamptz,
    will_published_at timestamptz,
    subscriptions jsonb not null default '[]',
    acknowledged_through bigint not null default 0,
    progress bytea
) with (fillfactor = 70);

create table headend.mqtt_retained (
    topic text primary key,
    payload bytea not null,
    properties bytea not null,
    qos smallint not null,
    publisher text not null,
    published_at timestamptz not null,
    expires_at timestamptz
) with (fillfactor = 80);

create table headend.mqtt_message (
    message_number bigint primary key,
    topic text not null,
    payload bytea not null,
    properties bytea not null,
    qos smallint not null,
    publisher text not null,
    published_at timestamptz not null,
    expires_at timestamptz
);

-- One row per session and commit, not per message: which messages went into its queue and how they are to be delivered.
create table headend.mqtt_queue (
    client_id text not null,
    last_message_number bigint not null,
    message_numbers bigint[] not null,
    grants jsonb not null,
    primary key (client_id, last_message_number)
);
create sequence headend.mqtt_message_number as bigint;
