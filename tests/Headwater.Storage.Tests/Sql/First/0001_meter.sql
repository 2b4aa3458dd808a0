CREATE TABLE stage.meter (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO stage.meter VALUES (1, 'one;two');
