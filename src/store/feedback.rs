//! Shoppers' verdicts: a thumb and a reason, kept in `state.db`. Holds no word of a
//! shopper and nothing that tells who it was.

use super::StoreError;
use super::alerts::moment;
use super::catalog::Catalog;
use jiff::Timestamp;
use rusqlite::params;

impl Catalog {
    /// Keeps a verdict: whether it was of use, and else why not (a word of a closed list).
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn keep_feedback(
        &self,
        useful: bool,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.state().write_alone(|tx| {
            let sql = "INSERT INTO feedback (given_at, useful, reason) VALUES (?1, ?2, ?3)";
            tx.execute(sql, params![moment(now), useful, reason])
        })?;
        Ok(())
    }

    /// How many verdicts there are: useful, and not.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn feedback(&self) -> Result<(u32, u32), StoreError> {
        self.state().write_alone(|tx| {
            let sql =
                "SELECT count(*) FILTER (WHERE useful), count(*) FILTER (WHERE NOT useful) FROM feedback";
            tx.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let give = |useful, reason| {
            Catalog::open(folder.path()).unwrap().keep_feedback(useful, reason, Timestamp::now()).unwrap();
        };
        give(true, None);
        give(false, Some("too_slow"));
        give(false, None);
        assert_eq!(Catalog::open(folder.path()).unwrap().feedback().unwrap(), (1, 2));
    }
}
