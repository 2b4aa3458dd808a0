CREATE TABLE stage.half (id int);

SELECT no_such_column FROM stage.meter;
