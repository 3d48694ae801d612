-- The record of builds, tests, releases and deployments. Records are JSON of the types in domain/ledger.rs; columns
-- beside them are what is asked by. Rows are appended; only a deployment's end is filled in later.

CREATE TABLE cluster (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    origin TEXT NOT NULL,
    UNIQUE (name, origin)
);

CREATE TABLE build (
    id INTEGER PRIMARY KEY,
    cluster INTEGER NOT NULL REFERENCES cluster (id),
    service TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    at BIGINT NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX build_by_fingerprint ON build (cluster, service, fingerprint, id);

CREATE TABLE test (
    id INTEGER PRIMARY KEY,
    cluster INTEGER NOT NULL REFERENCES cluster (id),
    test TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    at BIGINT NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX test_by_fingerprint ON test (cluster, test, fingerprint, id);

CREATE TABLE external_image (
    cluster INTEGER NOT NULL REFERENCES cluster (id),
    reference TEXT NOT NULL,
    at BIGINT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (cluster, reference)
);

CREATE TABLE release (
    cluster INTEGER NOT NULL REFERENCES cluster (id),
    id TEXT NOT NULL,
    revision TEXT NOT NULL,
    at BIGINT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (cluster, id)
);

-- A release is immutable, whoever asks.
CREATE TRIGGER release_is_immutable BEFORE UPDATE ON release BEGIN
    SELECT RAISE (ABORT, 'a release is immutable');
END;

CREATE TABLE deployment (
    id INTEGER PRIMARY KEY,
    cluster INTEGER NOT NULL REFERENCES cluster (id),
    environment TEXT NOT NULL,
    release TEXT NOT NULL,
    at BIGINT NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX deployment_by_environment ON deployment (cluster, environment, id);
