//! The binding: the only module with pyo3. It turns values into Python's and back, and puts the parts of the core together.

mod attempt;
mod audit;
mod changes;
mod client;
mod commit;
mod conditions;
mod errors;
mod facts;
mod history;
mod interrupts;
mod key;
mod log;
mod outlook;
mod parents;
mod planner;
mod probe;
mod process;
mod progress;
mod promise;
mod reader;
mod record_batch;
mod runtime;
mod simulator;
mod survey;
mod wave;
mod written;

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3_arrow::PyRecordBatchReader;

use arrow_array::RecordBatch;

use crate::error::{Class, Error};

/// The batches of any Arrow stream.
fn batches(py: Python<'_>, stream: PyRecordBatchReader) -> PyResult<Vec<RecordBatch>> {
    let mut batches = Vec::new();
    each_batch(py, stream, |batch| {
        batches.push(batch.clone());
        Ok(())
    })?;
    Ok(batches)
}

/// Takes in a stream batch by batch.
fn each_batch(
    py: Python<'_>,
    stream: PyRecordBatchReader,
    mut take_in: impl FnMut(&RecordBatch) -> crate::error::Result<()> + Send,
) -> PyResult<()> {
    let reader = stream.into_reader()?;
    py.detach(|| {
        for batch in reader {
            let unreadable = |error| Error::new(Class::Table, format!("a table could not be read: {error}"));
            take_in(&batch.map_err(unreadable)?)?;
        }
        Ok::<_, Error>(())
    })?;
    Ok(())
}

/// These columns, and that of the account, by which rows are told apart.
fn of_account(columns: &[&'static str]) -> Vec<&'static str> {
    [&["_stripe_account"], columns].concat()
}

/// Refuses an interpreter beside the main one: its classes would not be those of the process, and threads of ours that
/// wait for Python would wait for the main one.
fn require_main_interpreter(py: Python<'_>) -> PyResult<()> {
    // The module has lost its underscores since Python 3.13. CPython itself refuses interpreters with a lock of their own.
    let Ok(interpreters) = py.import("_interpreters").or_else(|_| py.import("_xxsubinterpreters")) else {
        return Ok(());
    };
    let (current, main) = (interpreters.call_method0("get_current")?, interpreters.call_method0("get_main")?);
    if current.eq(main)? {
        return Ok(());
    }
    Err(PyImportError::new_err("stripe_raw_rs works in the main interpreter only, and this is a sub-interpreter"))
}

/// The compiled half: Stripe paging, retries, hashing, checkpoints and Arrow batches.
///
/// Values go in, values come out; nothing here touches a table. Errors are the classes of `stripe_raw_rs.exceptions`.
/// All times are UTC; `created` values are whole seconds since 1970, `_micros` microseconds.
///
/// Each constant that ends in `_COLUMNS` names the columns of a read: the method that takes its rows says which one.
/// `CHECKPOINT_TABLE` is the usual name of the checkpoint table, `KEY_VARIABLE` the environment variable of the key,
/// `LAYOUT_VERSION` the version of the tables' columns. `MOST_SURVEY_REQUESTS` is the most requests of one survey, and
/// `SMALLEST_ALLOCATION` the number of reads that Stripe allots to the smallest platform in 30 days.
#[pymodule(gil_used = true)]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::attempt::Attempt;
    #[pymodule_export]
    use super::audit::{Audit, AuditedEvents, Finding};
    #[pymodule_export]
    use super::changes::EventIndex;
    #[pymodule_export]
    use super::client::{Client, check_account, check_raw_table};
    #[pymodule_export]
    use super::commit::{Checkpoint, Commit, Rows};
    #[pymodule_export]
    use super::facts::{
        Entity, Option_, Schema, all_entities, checkpoint_schema, entities, entities_to_land, one_line, options, plain,
        raw_schema, stray_secret, without_secrets,
    };
    #[pymodule_export]
    use super::history::{Histories, History, histories, history_reads};
    #[pymodule_export]
    use super::key::{ApiKey, expose};
    #[pymodule_export]
    use super::log::log_records;
    #[pymodule_export]
    use super::outlook::{NextRun, Outlook};
    #[pymodule_export]
    use super::parents::ParentRows;
    #[pymodule_export]
    use super::probe::Probe;
    #[pymodule_export]
    use super::process::enter_delta_rs;
    #[pymodule_export]
    use super::progress::{Ending, Progress};
    #[pymodule_export]
    use super::promise::Promise;
    #[pymodule_export]
    use super::reader::{Reading, Stream};
    #[pymodule_export]
    use super::record_batch::RecordBatch;
    #[pymodule_export]
    use super::survey::Survey;
    #[pymodule_export]
    use super::wave::Wave;

    use super::of_account;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::require_main_interpreter(module.py())?;
        super::log::install();
        super::simulator::register(module)?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("KEY_VARIABLE", crate::http_client::KEY_VARIABLE)?;
        module.add("CHECKPOINT_TABLE", crate::checkpoint::CHECKPOINT_TABLE)?;
        module.add("SMALLEST_ALLOCATION", crate::pace::SMALLEST_ALLOCATION)?;
        module.add("MOST_SURVEY_REQUESTS", crate::ask::estimate::MOST_REQUESTS)?;
        module.add("LAYOUT_VERSION", crate::store::LAYOUT_VERSION)?;
        module.add("AUDITED_EVENT_COLUMNS", of_account(&crate::changes::COLUMNS))?;
        module.add("EVENT_COLUMNS", of_account(&crate::changes::COLUMNS))?;
        module.add("FRESH_COLUMNS", of_account(&["_stripe_created_at", "_commit_version"]))?;
        module.add("DUE_COLUMNS", of_account(&crate::run::DUE_COLUMNS))?;
        module.add("AUDITED_PARENT_COLUMNS", crate::parents::AUDITED_COLUMNS.to_vec())?;
        module.add("PARENT_COLUMNS", of_account(&crate::parents::COLUMNS))?;
        module.add("SHOWN_COLUMNS", of_account(&crate::parents::SHOWN_COLUMNS))?;
        module.add("OVERLAP_COLUMNS", of_account(&crate::run::OVERLAP_COLUMNS))?;
        module.add("RECOVERY_COLUMNS", crate::raw::RECOVERY_COLUMNS.to_vec())
    }
}
