-- Which registry keeps which image, under which manifest.

CREATE TABLE push (
    id INTEGER PRIMARY KEY,
    cluster INTEGER NOT NULL REFERENCES cluster (id),
    repository TEXT NOT NULL,
    config TEXT NOT NULL,
    at BIGINT NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX push_by_config ON push (cluster, repository, config, id);
