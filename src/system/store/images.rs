//! What the whole record knows of images, of whatever cluster.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::StoreError;
use super::sqlite::pool;
use crate::domain::plan::images::Known;

/// Reads what the record knows of images; nothing if there is no record.
///
/// # Errors
///
/// If the file cannot be read or is of a newer longshore.
pub async fn known_images(path: &Path) -> Result<Known, StoreError> {
    if !path.exists() {
        return Ok(Known::default());
    }
    let pool = pool(path).await?;
    let failed = |source| StoreError::Query {
        path: path.into(),
        source,
    };
    let builds = sqlx::query_as("SELECT cluster, record FROM build ORDER BY id");
    let builds: Vec<(i64, String)> = builds.fetch_all(&pool).await.map_err(failed)?;
    let releases = sqlx::query_scalar("SELECT record FROM release");
    let releases: Vec<String> = releases.fetch_all(&pool).await.map_err(failed)?;
    let builds = builds
        .into_iter()
        .map(|(cluster, record)| Ok((cluster, read(path, &record)?)));
    let releases = releases.iter().map(|record| read(path, record));
    Ok(Known {
        builds: builds.collect::<Result<_, StoreError>>()?,
        releases: releases.collect::<Result<_, StoreError>>()?,
    })
}

fn read<T: DeserializeOwned>(path: &Path, record: &str) -> Result<T, StoreError> {
    serde_json::from_str(record).map_err(|source| StoreError::Record {
        path: path.into(),
        source,
    })
}
