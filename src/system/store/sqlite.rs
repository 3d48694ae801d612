//! The ledger in one SQLite file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use super::{Recorded, StoreError};
use crate::domain::ledger::{
    BuildRecord, ClusterKey, DeploymentRecord, ImageIdentity, PushRecord, Release, RolloutOutcome,
    TestRecord, Timestamp,
};
use crate::domain::name::{Digest, EnvironmentName, ReleaseId, ServiceName, TestName};

static MIGRATIONS: Migrator = sqlx::migrate!("src/system/store/migrations");

/// How long a writer waits for another longshore on the same file.
const BUSY: Duration = Duration::from_secs(30);

/// Opens the file, makes it if there is none, and brings its tables up to date.
pub(super) async fn pool(path: &Path) -> Result<SqlitePool, StoreError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|source| StoreError::Folder {
            path: folder.into(),
            source,
        })?;
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY);
    let open = |source| StoreError::Open {
        path: path.into(),
        source,
    };
    let pool = SqlitePoolOptions::new()
        .max_connections(4)
        .connect_with(options)
        .await
        .map_err(open)?;
    MIGRATIONS
        .run(&pool)
        .await
        .map_err(|source| StoreError::Migrate {
            path: path.into(),
            source,
        })?;
    Ok(pool)
}

/// One cluster's part of the record.
#[derive(Debug, Clone)]
pub struct Ledger {
    pool: SqlitePool,
    cluster: i64,
    path: PathBuf,
}

impl Ledger {
    /// Opens the record, makes it if there is none, and brings its tables up to date.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened or is of a newer longshore.
    pub async fn open(path: &Path, key: &ClusterKey) -> Result<Self, StoreError> {
        let pool = pool(path).await?;
        let failed = |source| StoreError::Query {
            path: path.into(),
            source,
        };
        sqlx::query("INSERT INTO cluster (name, origin) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(key.name.as_str())
            .bind(&key.origin)
            .execute(&pool)
            .await
            .map_err(failed)?;
        let cluster = sqlx::query_scalar("SELECT id FROM cluster WHERE name = $1 AND origin = $2")
            .bind(key.name.as_str())
            .bind(&key.origin)
            .fetch_one(&pool)
            .await
            .map_err(failed)?;
        Ok(Self {
            pool,
            cluster,
            path: path.into(),
        })
    }

    /// Returns the latest build with this fingerprint.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, as for every question below.
    pub async fn build(
        &self,
        service: &ServiceName,
        fingerprint: &Digest,
    ) -> Result<Option<BuildRecord>, StoreError> {
        let query = "SELECT record FROM build WHERE cluster = $1 AND service = $2 AND fingerprint = $3 ORDER BY id DESC LIMIT 1";
        self.one(
            sqlx::query_scalar(query)
                .bind(self.cluster)
                .bind(service.as_str())
                .bind(fingerprint.to_string()),
        )
        .await
    }

    /// Returns the latest build of a service, whatever its fingerprint.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub async fn last_build(
        &self,
        service: &ServiceName,
    ) -> Result<Option<BuildRecord>, StoreError> {
        let query =
            "SELECT record FROM build WHERE cluster = $1 AND service = $2 ORDER BY id DESC LIMIT 1";
        let query = sqlx::query_scalar(query).bind(self.cluster);
        self.one(query.bind(service.as_str())).await
    }

    /// Returns the latest verdict of a test, whatever its fingerprint.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub async fn last_test(&self, test: &TestName) -> Result<Option<TestRecord>, StoreError> {
        let query =
            "SELECT record FROM test WHERE cluster = $1 AND test = $2 ORDER BY id DESC LIMIT 1";
        let query = sqlx::query_scalar(query).bind(self.cluster);
        self.one(query.bind(test.as_str())).await
    }

    /// Returns the latest green verdict of a test, whatever its fingerprint.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub async fn last_green(&self, test: &TestName) -> Result<Option<TestRecord>, StoreError> {
        let query = "SELECT record FROM test WHERE cluster = $1 AND test = $2 AND verdict = 'green' ORDER BY id DESC LIMIT 1";
        let query = sqlx::query_scalar(query).bind(self.cluster);
        self.one(query.bind(test.as_str())).await
    }

    /// Returns the fingerprints on which a test was green as well as red.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub async fn both_verdicts(&self) -> Result<BTreeSet<(TestName, Digest)>, StoreError> {
        let query = "SELECT test, fingerprint FROM test WHERE cluster = $1 \
             GROUP BY test, fingerprint HAVING COUNT(DISTINCT verdict) > 1";
        let rows: Vec<(String, String)> = sqlx::query_as(query)
            .bind(self.cluster)
            .fetch_all(&self.pool)
            .await
            .map_err(|source| self.failed(source))?;
        // Both were written from values of these types.
        let read = |(test, fingerprint): (String, String)| {
            Some((test.parse().ok()?, fingerprint.parse().ok()?))
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Appends a build.
    ///
    /// # Errors
    ///
    /// If the file cannot be written, as for every record below.
    pub async fn append_build(&self, record: &BuildRecord) -> Result<(), StoreError> {
        let query = "INSERT INTO build (cluster, service, fingerprint, at, record) VALUES ($1, $2, $3, $4, $5)";
        let query = sqlx::query(query)
            .bind(self.cluster)
            .bind(record.service.as_str())
            .bind(record.fingerprint.to_string())
            .bind(record.at.0)
            .bind(self.json(record)?);
        self.write(query).await.map(|_| ())
    }

    /// Returns the latest verdict on this fingerprint: red after green revokes.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub async fn test(
        &self,
        test: &TestName,
        fingerprint: &Digest,
    ) -> Result<Option<TestRecord>, StoreError> {
        let query = "SELECT record FROM test WHERE cluster = $1 AND test = $2 AND fingerprint = $3 ORDER BY id DESC LIMIT 1";
        self.one(
            sqlx::query_scalar(query)
                .bind(self.cluster)
                .bind(test.as_str())
                .bind(fingerprint.to_string()),
        )
        .await
    }

    /// Appends a verdict.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub async fn append_test(&self, record: &TestRecord) -> Result<(), StoreError> {
        let query =
            "INSERT INTO test (cluster, test, fingerprint, at, record) VALUES ($1, $2, $3, $4, $5)";
        let query = sqlx::query(query)
            .bind(self.cluster)
            .bind(record.test.as_str())
            .bind(record.fingerprint.to_string())
            .bind(record.at.0)
            .bind(self.json(record)?);
        self.write(query).await.map(|_| ())
    }

    /// Returns the identity that an external reference stands for, until `--pull` moves it.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub async fn external_image(
        &self,
        reference: &str,
    ) -> Result<Option<ImageIdentity>, StoreError> {
        let query = "SELECT record FROM external_image WHERE cluster = $1 AND reference = $2";
        self.one(sqlx::query_scalar(query).bind(self.cluster).bind(reference))
            .await
    }

    /// Sets what an external reference stands for from now on.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub async fn set_external_image(
        &self,
        reference: &str,
        identity: &ImageIdentity,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let query = "INSERT INTO external_image (cluster, reference, at, record) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (cluster, reference) DO UPDATE SET at = excluded.at, record = excluded.record";
        let query = sqlx::query(query)
            .bind(self.cluster)
            .bind(reference)
            .bind(at.0)
            .bind(self.json(identity)?);
        self.write(query).await.map(|_| ())
    }

    /// Records a release. One that is there already stays as it is: the id is its content's.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub async fn append_release(&self, release: &Release, at: Timestamp) -> Result<(), StoreError> {
        let query = "INSERT INTO release (cluster, id, revision, at, record) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
        let query = sqlx::query(query)
            .bind(self.cluster)
            .bind(release.id.as_str())
            .bind(&release.provenance.commit)
            .bind(at.0)
            .bind(self.json(release)?);
        self.write(query).await.map(|_| ())
    }

    /// Returns a release by its id.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub async fn release(&self, id: &ReleaseId) -> Result<Option<Release>, StoreError> {
        let query = "SELECT record FROM release WHERE cluster = $1 AND id = $2";
        self.one(
            sqlx::query_scalar(query)
                .bind(self.cluster)
                .bind(id.as_str()),
        )
        .await
    }

    /// Records that a registry keeps an image.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub async fn append_push(&self, record: &PushRecord) -> Result<(), StoreError> {
        let query = "INSERT INTO push (cluster, repository, config, at, record) VALUES ($1, $2, $3, $4, $5)";
        let query = sqlx::query(query)
            .bind(self.cluster)
            .bind(&record.repository)
            .bind(record.identity.config.to_string())
            .bind(record.at.0)
            .bind(self.json(record)?);
        self.write(query).await.map(|_| ())
    }

    /// Returns how a registry's repository was last found to keep an image, by its config's digest.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub async fn push(
        &self,
        repository: &str,
        config: &Digest,
    ) -> Result<Option<PushRecord>, StoreError> {
        let query = "SELECT record FROM push WHERE cluster = $1 AND repository = $2 AND config = $3 ORDER BY id DESC LIMIT 1";
        let query = sqlx::query_scalar(query)
            .bind(self.cluster)
            .bind(repository)
            .bind(config.to_string());
        self.one(query).await
    }

    /// Returns the latest builds, newest first.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub async fn builds(&self, limit: u32) -> Result<Vec<BuildRecord>, StoreError> {
        let query = "SELECT record FROM build WHERE cluster = $1 ORDER BY id DESC LIMIT $2";
        self.all(sqlx::query_scalar(query).bind(self.cluster).bind(limit))
            .await
    }

    /// Returns the latest verdicts, newest first.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub async fn tests(&self, limit: u32) -> Result<Vec<TestRecord>, StoreError> {
        let query = "SELECT record FROM test WHERE cluster = $1 ORDER BY id DESC LIMIT $2";
        self.all(sqlx::query_scalar(query).bind(self.cluster).bind(limit))
            .await
    }

    /// Returns the latest releases with when they were made, newest first.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub async fn releases(&self, limit: u32) -> Result<Vec<Recorded<Release>>, StoreError> {
        let query = "SELECT at, record FROM release WHERE cluster = $1 ORDER BY at DESC, rowid DESC LIMIT $2";
        let rows: Vec<(i64, String)> = sqlx::query_as(query)
            .bind(self.cluster)
            .bind(limit)
            .fetch_all(&self.pool)
            .await
            .map_err(|source| self.failed(source))?;
        rows.into_iter()
            .map(|(at, record)| {
                Ok(Recorded {
                    at: Timestamp(at),
                    record: self.read(&record)?,
                })
            })
            .collect()
    }

    /// Records that a rollout begins, before anything happens, and returns its number.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub async fn begin_deployment(&self, record: &DeploymentRecord) -> Result<i64, StoreError> {
        let query = "INSERT INTO deployment (cluster, environment, release, at, record) VALUES ($1, $2, $3, $4, $5)";
        let query = sqlx::query(query)
            .bind(self.cluster)
            .bind(record.environment.as_str())
            .bind(record.release.as_str())
            .bind(record.at.0)
            .bind(self.json(record)?);
        self.write(query).await
    }

    /// Records how a rollout ended.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub async fn end_deployment(
        &self,
        number: i64,
        outcome: &RolloutOutcome,
    ) -> Result<(), StoreError> {
        let query =
            "UPDATE deployment SET record = json_set(record, '$.outcome', json($2)) WHERE id = $1";
        self.write(sqlx::query(query).bind(number).bind(self.json(outcome)?))
            .await
            .map(|_| ())
    }

    /// Returns an environment's rollouts, or all, newest first.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub async fn deployments(
        &self,
        environment: Option<&EnvironmentName>,
        limit: u32,
    ) -> Result<Vec<DeploymentRecord>, StoreError> {
        let query = "SELECT record FROM deployment WHERE cluster = $1 AND ($2 IS NULL OR environment = $2) ORDER BY id DESC LIMIT $3";
        self.all(
            sqlx::query_scalar(query)
                .bind(self.cluster)
                .bind(environment.map(EnvironmentName::as_str))
                .bind(limit),
        )
        .await
    }

    async fn one<T: DeserializeOwned>(&self, query: Scalar<'_>) -> Result<Option<T>, StoreError> {
        let record = query
            .fetch_optional(&self.pool)
            .await
            .map_err(|source| self.failed(source))?;
        record.map(|record| self.read(&record)).transpose()
    }

    async fn all<T: DeserializeOwned>(&self, query: Scalar<'_>) -> Result<Vec<T>, StoreError> {
        let records = query
            .fetch_all(&self.pool)
            .await
            .map_err(|source| self.failed(source))?;
        records.iter().map(|record| self.read(record)).collect()
    }

    async fn write(&self, query: Statement<'_>) -> Result<i64, StoreError> {
        query
            .execute(&self.pool)
            .await
            .map(|done| done.last_insert_rowid())
            .map_err(|source| self.failed(source))
    }

    fn json(&self, record: &impl Serialize) -> Result<String, StoreError> {
        serde_json::to_string(record).map_err(|source| StoreError::Record {
            path: self.path.clone(),
            source,
        })
    }

    fn read<T: DeserializeOwned>(&self, record: &str) -> Result<T, StoreError> {
        serde_json::from_str(record).map_err(|source| StoreError::Record {
            path: self.path.clone(),
            source,
        })
    }

    fn failed(&self, source: sqlx::Error) -> StoreError {
        StoreError::Query {
            path: self.path.clone(),
            source,
        }
    }
}

type Scalar<'q> = sqlx::query::QueryScalar<'q, sqlx::Sqlite, String, sqlx::sqlite::SqliteArguments>;
type Statement<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::ledger::{Provenance, Verdict};
    use crate::domain::results::Results;

    fn key(origin: &str) -> ClusterKey {
        ClusterKey {
            name: "shop".parse().unwrap(),
            origin: origin.to_owned(),
        }
    }

    fn provenance() -> Provenance {
        Provenance {
            commit: "4c0ffee".to_owned(),
            dirty: false,
            actor: "me@here".to_owned(),
        }
    }

    fn verdict(verdict: Verdict, at: i64) -> TestRecord {
        TestRecord {
            test: "api".parse().unwrap(),
            fingerprint: Digest::of("f"),
            verdict,
            reason: None,
            exit_code: Some(0),
            images: BTreeMap::new(),
            log: PathBuf::from("/logs"),
            provenance: provenance(),
            at: Timestamp(at),
            elapsed_ms: 1,
            results: Results::default(),
            earlier: Vec::new(),
        }
    }

    #[tokio::test]
    async fn the_latest_verdict_counts_and_another_repository_has_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/ledger.db");
        let ledger = Ledger::open(&path, &key("a")).await.unwrap();
        ledger
            .append_test(&verdict(Verdict::Green, 1))
            .await
            .unwrap();
        ledger.append_test(&verdict(Verdict::Red, 2)).await.unwrap();
        let again = Ledger::open(&path, &key("a")).await.unwrap();
        let test = "api".parse().unwrap();
        assert_eq!(
            again.test(&test, &Digest::of("f")).await.unwrap(),
            Some(verdict(Verdict::Red, 2))
        );
        let other = Ledger::open(&path, &key("b")).await.unwrap();
        assert_eq!(other.test(&test, &Digest::of("f")).await.unwrap(), None);
    }

    #[tokio::test]
    async fn the_last_green_verdict_and_both_on_one_fingerprint_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let ledger = Ledger::open(&path, &key("a")).await.unwrap();
        let test = "api".parse().unwrap();
        assert_eq!(ledger.last_green(&test).await.unwrap(), None);
        let green = verdict(Verdict::Green, 1);
        ledger.append_test(&green).await.unwrap();
        assert_eq!(ledger.both_verdicts().await.unwrap(), [].into());
        ledger.append_test(&verdict(Verdict::Red, 2)).await.unwrap();
        let both = [("api".parse().unwrap(), Digest::of("f"))].into();
        assert_eq!(ledger.both_verdicts().await.unwrap(), both);
        assert_eq!(ledger.last_green(&test).await.unwrap(), Some(green));
    }

    #[tokio::test]
    async fn a_record_from_before_results_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("ledger.db"), &key("a"))
            .await
            .unwrap();
        let mut old = serde_json::to_value(verdict(Verdict::Green, 1)).unwrap();
        let fields = old.as_object_mut().unwrap();
        fields.remove("results").unwrap();
        fields.remove("earlier").unwrap();
        let query = "INSERT INTO test (cluster, test, fingerprint, at, record) VALUES (1, 'api', 'f', 1, $1)";
        let query = sqlx::query(query).bind(old.to_string());
        query.execute(&ledger.pool).await.unwrap();
        let test = "api".parse().unwrap();
        let read = ledger.last_green(&test).await.unwrap();
        assert_eq!(read, Some(verdict(Verdict::Green, 1)));
    }

    #[tokio::test]
    async fn a_deployment_gets_its_end_and_keeps_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("ledger.db"), &key("a"))
            .await
            .unwrap();
        let record = DeploymentRecord {
            environment: "staging".parse().unwrap(),
            release: "0123456789ab".parse().unwrap(),
            hosts: BTreeMap::new(),
            back: false,
            outcome: None,
            provenance: provenance(),
            at: Timestamp(7),
        };
        let number = ledger.begin_deployment(&record).await.unwrap();
        assert_eq!(
            ledger.deployments(None, 9).await.unwrap(),
            std::slice::from_ref(&record)
        );
        let reason = "it's \"red\"".to_owned();
        let outcome = RolloutOutcome::Reverted { reason };
        ledger.end_deployment(number, &outcome).await.unwrap();
        let staging = "staging".parse().unwrap();
        let ended = DeploymentRecord {
            outcome: Some(outcome),
            ..record
        };
        assert_eq!(
            ledger.deployments(Some(&staging), 9).await.unwrap(),
            [ended]
        );
        let production = "production".parse().unwrap();
        assert_eq!(ledger.deployments(Some(&production), 9).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_release_cannot_be_changed() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("ledger.db"), &key("a"))
            .await
            .unwrap();
        sqlx::query(
            "INSERT INTO release (cluster, id, revision, at, record) VALUES (1, 'x', 'y', 0, '{}')",
        )
        .execute(&ledger.pool)
        .await
        .unwrap();
        let error = sqlx::query("UPDATE release SET record = 'z'")
            .execute(&ledger.pool)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("immutable"), "{error}");
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        std::fs::write(
            &path,
            "not a database, and long enough to be told from an empty one",
        )
        .unwrap();
        let error = Ledger::open(&path, &key("a")).await.unwrap_err();
        assert!(error.to_string().contains("ledger.db"), "{error}");
    }
}
