-- The verdict beside its record: the last green one of a test is asked for, and the fingerprints that have both.
ALTER TABLE test ADD COLUMN verdict TEXT GENERATED ALWAYS AS (json_extract(record, '$.verdict')) VIRTUAL;
CREATE INDEX test_by_verdict ON test (cluster, test, verdict, id);
