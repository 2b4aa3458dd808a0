-- Commit numbers: taken under a transaction-scoped advisory lock that is held until the commit is visible, so a reader that follows them
-- never skips one that commits late. Gaps are possible (a rolled-back group), order is not.
create sequence headend.commit_number as bigint;

-- One row per group commit: the raw messages, compressed. A reading carries (commit_number, ordinal) and is found here again.
create table headend.uplink_log (
    commit_number bigint not null,
    committed_at timestamptz not null,
    node smallint not null,
    message_count integer not null,
    row_count integer not null,
    raw_length integer not null,
    -- first byte: format; see docs/uplink-log.md
    raw bytea not null
)
--#if plain
partition by range (committed_at)
--#end
;
create unique index uplink_log_key on headend.uplink_log (commit_number, committed_at);
alter table headend.uplink_log alter column raw set storage external;
alter table headend.uplink_log replica identity using index uplink_log_key;

-- One value of one register at one instant. The key is (device, register, time); register_id determines device_id.
-- suspicion: bit set (Suspicion.cs), 0 = none.
create table headend.reading (
    device_id bigint not null,
    register_id bigint not null,
    at timestamptz not null,
    value bigint not null,
    commit_number bigint not null,
    ordinal integer not null,
    suspicion smallint not null,
    primary key (register_id, at)
)
--#if plain
partition by range (at)
--#end
;

-- The same key came again with another value. The first stands until a rule or a person decides.
create table headend.reading_conflict (
    conflict_id bigint generated always as identity primary key,
    device_id bigint not null,
    register_id bigint not null,
    at timestamptz not null,
    standing_value bigint not null,
    standing_commit_number bigint not null,
    standing_ordinal integer not null,
    offered_value bigint not null,
    offered_commit_number bigint not null,
    offered_ordinal integer not null,
    recorded_at timestamptz not null default now(),
    decided_at timestamptz,
    decision text,
    unique (register_id, at, offered_value)
);

-- A profile message: consecutive intervals of one channel, as one row. Overlaps are resolved in meter data, not here.
-- values: big-endian int32, Wh per interval; statuses: one byte each (ProfileStatus.cs), null when all are empty.
create table headend.profile_block (
    device_id bigint not null,
    register_id bigint not null,
    start_at timestamptz not null,
    every_seconds integer not null,
    value_count integer not null,
    content_hash bytea not null,
    "values" bytea not null,
    statuses bytea,
    commit_number bigint not null,
    ordinal integer not null,
    primary key (register_id, start_at, every_seconds, content_hash)
)
--#if plain
partition by range (start_at)
--#end
;

-- What a device reports besides quantities. Key as the device gave it: a repeat is one row.
create table headend.meter_event (
    device_id bigint not null,
    at timestamptz not null,
    code text not null,
    sequence bigint not null,
    -- json, not jsonb: kept as it was sent, and no number or escape in it can make the whole group fail
    data json not null,
    commit_number bigint not null,
    ordinal integer not null,
    primary key (device_id, at, code, sequence)
);
create index meter_event_newest on headend.meter_event (at desc);

-- What could not be stored as a reading: the bytes and the reason. reason: QuarantineReason.cs; state: 1 held, 2 replayed, 3 discarded.
create table headend.quarantine (
    commit_number bigint not null,
    ordinal integer not null,
    arrived_at timestamptz not null,
    client_id text not null,
    owner text not null,
    device_id bigint,
    topic text not null,
    payload bytea not null,
    reason smallint not null,
    detail text not null,
    state smallint not null default 1,
    decided_at timestamptz,
    decided_by text,
    replay_commit_number bigint,
    primary key (commit_number, ordinal)
);
create index quarantine_held on headend.quarantine (arrived_at desc) where state = 1;
create index quarantine_owner on headend.quarantine (owner) where state = 1;
