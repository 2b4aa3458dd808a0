CREATE TABLE stage.reading (at timestamptz NOT NULL, value bigint)
--#if plain
PARTITION BY RANGE (at)
--#else
WITH (fillfactor = 90)
--#end
;
