ALTER TABLE stage.meter ADD COLUMN address text;
