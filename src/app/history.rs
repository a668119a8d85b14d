//! What customers bought, read from a table into `history.db` at a terminal. All of a file counts,
//! or none of it. Never says whose a purchase is.

use super::folders::Folders;
use crate::domain::{Sku, moment};
use crate::feeds::rows::{self, Row, RowsError};
use crate::store::{Bought, History, MAX_CUSTOMER_CHARS, StoreError};
use anyhow::Result;
use std::path::Path;

const COLUMNS: [&str; 4] = ["customer", "sku", "at", "quantity"];
/// Most rows of a file.
const MOST: u64 = 100_000_000;
const SECONDS_A_DAY: i64 = 86_400;

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
enum ImportError {
    #[error(transparent)]
    Rows(#[from] RowsError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Replaces the history by a file's; returns the summary.
///
/// # Errors
/// The file is not usable, or the database cannot be written: the old history stands.
pub fn import(file: &Path, folders: &Folders) -> Result<String> {
    let history = History::open(&folders.data)?;
    let mut returns = 0_u64;
    let (rows, customers) = history.replace(|put| {
        // The database failed; the rows that follow are not looked at.
        let mut broken: Option<StoreError> = None;
        let read = rows::read_many(file, &COLUMNS, MOST, |_, row| {
            match purchase(&row)? {
                Some((customer, bought)) if broken.is_none() => broken = put(&customer, &bought).err(),
                Some(_) => {}
                None => returns += 1,
            }
            Ok(())
        });
        match broken {
            Some(error) => Err(ImportError::Store(error)),
            None => read.map(drop).map_err(ImportError::Rows),
        }
    })?;
    let left_out = if returns > 0 { format!("; {returns} returns left out") } else { String::new() };
    Ok(format!("Imported {rows} purchases of {customers} customers{left_out}.\n"))
}

/// A row as a purchase and whose it is; `None`: it is a return.
fn purchase(row: &Row) -> Result<Option<(String, Bought)>, String> {
    let customer = row.text("customer").filter(|text| text.chars().count() <= MAX_CUSTOMER_CHARS);
    let customer = customer.ok_or_else(|| {
        format!("write the customer's number, 1 to {MAX_CUSTOMER_CHARS} characters, into customer")
    })?;
    let sku = row
        .text("sku")
        .and_then(Sku::new)
        .ok_or_else(|| format!("write the product's number, 1 to {} characters, into sku", Sku::MAX_CHARS))?;
    let at = row.text("at").and_then(moment::first);
    let at = at.ok_or("write a date such as 2026-11-20, or a time as 2026-11-20T06:00:00Z, into at")?;
    let quantity = row.text("quantity").map_or(Some(1), whole);
    let quantity = quantity.ok_or("write whole pieces into quantity, or leave it out")?;
    let day = at.as_second().div_euclid(SECONDS_A_DAY);
    Ok(u32::try_from(quantity)
        .ok()
        .filter(|pieces| *pieces > 0)
        .map(|quantity| (customer.to_owned(), Bought { sku, day, quantity })))
}

/// Pieces; what is sold by weight may have a fraction, and a begun piece is one.
fn whole(text: &str) -> Option<i64> {
    if let Ok(pieces) = text.parse::<i64>() {
        return Some(pieces.min(u32::MAX.into()));
    }
    let amount: f64 = text.parse().ok().filter(|amount: &f64| amount.is_finite())?;
    Some(amount.clamp(-1e9, 1e9).ceil() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders() -> (tempfile::TempDir, Folders) {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_owned();
        (folder, Folders { data: data.clone(), models: data, settings: None })
    }

    fn imported(text: &str) -> Result<String, String> {
        let (folder, folders) = folders();
        let file = folder.path().join("history.csv");
        std::fs::write(&file, text).unwrap();
        import(&file, &folders).map_err(|error| error.to_string().replace(&file.display().to_string(), "F"))
    }

    #[test]
    fn rows_become_purchases_and_returns_do_not() {
        let told = imported(
            "customer,sku,at,quantity\n1001,DA-1,2026-11-20,2\n1001,DA-1,2026-11-20T23:00:00Z,1\n\
             1002,DA-2,2026-11-21,0.4\n1002,DA-2,2026-11-22,-1\n1002,DA-3,1969-12-31,\n",
        );
        assert_eq!(told.unwrap(), "Imported 3 purchases of 2 customers; 1 returns left out.\n");
        let told = imported("{\"customer\":1001,\"sku\":\"DA-1\",\"at\":\"2026-11-20\"}\n").unwrap();
        assert_eq!(told, "Imported 1 purchases of 1 customers.\n");
    }

    #[test]
    fn a_bad_row_is_named_by_its_line_and_nothing_is_taken() {
        for (row, wanted) in [
            (",DA-1,2026-11-20,1", "F line 2: write the customer's number"),
            ("1001,,2026-11-20,1", "F line 2: write the product's number"),
            ("1001,DA-1,yesterday,1", "F line 2: write a date such as"),
            ("1001,DA-1,2026-11-20,many", "F line 2: write whole pieces"),
            ("1001,DA-1,2026-11-20,inf", "F line 2: write whole pieces"),
        ] {
            let error = imported(&format!("customer,sku,at,quantity\n{row}\n")).unwrap_err();
            assert!(error.starts_with(wanted), "{error}");
        }
        let (folder, folders) = folders();
        let file = folder.path().join("history.csv");
        std::fs::write(&file, "customer,sku,at\n1001,DA-1,2026-11-20\n").unwrap();
        import(&file, &folders).unwrap();
        std::fs::write(&file, "customer,sku,at\n1001,DA-2,2026-11-20\n1001,DA-3,never\n").unwrap();
        import(&file, &folders).unwrap_err();
        let own = History::open(folder.path()).unwrap().of("1001", 9).unwrap().unwrap().into_inner();
        assert_eq!((own.len(), own[0].sku.as_str()), (1, "DA-1"));
    }
}
