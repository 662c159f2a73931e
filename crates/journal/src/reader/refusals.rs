//! Questions about deliveries that became no event, and about the secrets in use.

use super::Reader;
use super::list::{Filter, Question};
use crate::rows::get_id;
use crate::{NewRefusal, ReadError, RefusalRecord, SecretUse, schema};
use porchlight_core::Timestamp;
use rusqlite::Row;

/// The schema's version that has these tables.
const SINCE: u32 = 4;

/// The columns of a refusal, as [`read_refusal`] expects them.
const COLUMNS: &str = "id, at, status, duplicate_of, unsaid, webhook, peer, code, reason";

fn read_refusal(row: &Row<'_>) -> Result<RefusalRecord, ReadError> {
    Ok(RefusalRecord {
        id: get_id(row, 0)?,
        content: NewRefusal {
            at: Timestamp(row.get(1)?),
            status: row.get(2)?,
            duplicate_of: row.get::<_, Option<i64>>(3)?.map(i64::cast_unsigned),
            unsaid: row.get::<_, i64>(4)?.cast_unsigned(),
            webhook: row.get(5)?,
            peer: row.get(6)?,
            code: row.get::<_, String>(7)?.into(),
            reason: row.get(8)?,
        },
    })
}

impl Reader {
    /// The refusals that a filter lets through: `source` is the webhook, `status` the code. Empty
    /// while no host of this version has opened the journal.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn refusals(&self, filter: &Filter) -> Result<Vec<RefusalRecord>, ReadError> {
        if self.version()? < SINCE {
            return Ok(Vec::new());
        }
        let mut question = Question::new("refusals", COLUMNS, filter, "at");
        question.equal("webhook", filter.source.as_ref());
        question.equal("code", filter.status.as_ref());
        question.ask(&self.connection, read_refusal, |_| true)
    }

    /// The refusal with this number.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn refusal(&self, id: u64) -> Result<Option<RefusalRecord>, ReadError> {
        if self.version()? < SINCE {
            return Ok(None);
        }
        let sql = format!("SELECT {COLUMNS} FROM refusals WHERE id = ?1");
        self.one(&sql, &[&id.cast_signed()], read_refusal)
    }

    /// When each secret of each webhook last proved an event, to within a minute: a secret that is
    /// long unused can be taken out of the configuration.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn secret_uses(&self) -> Result<Vec<SecretUse>, ReadError> {
        if self.version()? < SINCE {
            return Ok(Vec::new());
        }
        let sql = "SELECT webhook, secret, at FROM secret_uses ORDER BY webhook, secret";
        self.many(sql, &[], |row| {
            Ok(SecretUse {
                webhook: row.get(0)?,
                secret: row.get(1)?,
                at: Timestamp(row.get(2)?),
            })
        })
    }

    /// The version of the schema that the file has.
    pub(crate) fn version(&self) -> Result<u32, ReadError> {
        Ok(schema::version(&self.connection)?)
    }
}
