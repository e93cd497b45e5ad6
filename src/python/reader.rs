//! A list as a stream of rows, without tables.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};

use arrow_array::{ArrayRef, StructArray};
use arrow_schema::ArrowError;
use pyo3::exceptions::{PyKeyboardInterrupt, PyStopAsyncIteration};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use pyo3_arrow::error::PyArrowResult;
use pyo3_arrow::ffi::to_schema_pycapsule;

use super::facts::Schema;
use super::interrupts::{Interrupts, is_main_thread};
use super::log::hand_over;
use super::process::RUNTIME;
use super::record_batch::{RecordBatch, stream};
use super::runtime::{runtime, wait};
use crate::error::{Class, Error, Result as CoreResult};
use crate::http_client::{ListReader, Quota, Resources};
use crate::options::Options;
use crate::read::{Query, Reading as ListReading};

/// What each reading of a stream begins with.
pub(super) struct Source {
    pub(super) resources: Resources,
    pub(super) options: Options,
    pub(super) livemode: Option<bool>,
    pub(super) query: Query,
}

impl Drop for Source {
    fn drop(&mut self) {
        // Its connections belong to the runtime's threads: if there are none, the connections stay as they are.
        if !RUNTIME.is_here() {
            std::mem::forget(self.resources.clone());
        }
    }
}

/// What the newest reading of a stream has come to.
#[derive(Default)]
struct Outcome {
    refused: AtomicU64,
    error: Mutex<Option<Error>>,
}

/// One list of an account as a stream of rows, newest first.
///
/// It can be read more than once. Each loop and each library that takes it asks Stripe again; nothing is asked before.
/// Parts of the list are read in parallel, and about 64 MiB of pages wait at most. An error comes after the rows before
/// it: a loop raises it as a class of `stripe_raw_rs.exceptions`, and a library that takes Arrow streams raises an
/// error of its own with the same line. An object that cannot be a row is left out, with a warning in the log.
#[pyclass(frozen, module = "stripe_raw_rs._core")]
pub struct Stream {
    source: Arc<Source>,
    newest: Mutex<Arc<Outcome>>,
}

impl Stream {
    pub(super) fn new(source: Source) -> Self {
        Self { source: Arc::new(source), newest: Mutex::default() }
    }

    fn newest(&self) -> Arc<Outcome> {
        Arc::clone(&self.newest.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A reading that has asked for nothing yet.
    fn begin(&self) -> PyResult<Reading> {
        RUNTIME.check()?;
        let Source { resources, options, livemode, query } = &*self.source;
        // The number of requests is that of one reading.
        let resources = Resources { quota: Quota::new(options.max_requests), ..resources.clone() };
        let outcome = Arc::<Outcome>::default();
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&outcome);
        let reader = ListReader::new(ListReading::new(query.clone(), *livemode, options.clone()));
        Ok(Reading {
            name: query.scope.entity.name,
            reader: Arc::new(reader),
            resources,
            outcome,
            is_over: AtomicBool::new(false),
        })
    }
}

#[pymethods]
impl Stream {
    /// Name of the list.
    #[getter]
    fn entity(&self) -> &'static str {
        self.source.query.scope.entity.name
    }

    /// Id of the connected account; None for the key's own.
    #[getter]
    fn account(&self) -> Option<&str> {
        self.source.query.scope.account.as_deref()
    }

    /// The columns of the rows.
    #[getter]
    fn schema(&self) -> Schema {
        Schema::of_rows(Arc::clone(self.source.query.columns.schema()))
    }

    /// Number of objects that cannot be rows, in the newest reading, so far.
    #[getter]
    fn refused(&self) -> u64 {
        self.newest().refused.load(Ordering::Relaxed)
    }

    /// The error that has ended the newest reading; None if none has.
    #[getter]
    fn error(&self) -> Option<PyErr> {
        let newest = self.newest();
        let error = newest.error.lock().unwrap_or_else(PoisonError::into_inner).clone();
        error.map(PyErr::from)
    }

    fn __iter__(&self) -> PyResult<Reading> {
        self.begin()
    }

    fn __aiter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("stripe_raw_rs.read")?.getattr("AsyncReading")?.call1((self.begin()?,))
    }

    /// A new reading, as the stream that Arrow libraries take.
    ///
    /// It has other types of columns if the library asks for them. Stripe is asked while the library reads it.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyArrowResult<Bound<'py, PyCapsule>> {
        let exported =
            Exported { reading: self.begin()?, thread: thread::current().id(), interrupts: Interrupts::of(py)? };
        stream(py, self.source.query.columns.schema(), exported, requested_schema)
    }

    /// The columns of the rows, in the form in which Arrow libraries take them. Nothing is asked.
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyArrowResult<Bound<'py, PyCapsule>> {
        to_schema_pycapsule(py, self.source.query.columns.schema().as_ref())
    }

    fn __repr__(&self) -> String {
        let Query { scope, columns, .. } = &self.source.query;
        let account = scope.account.as_ref().map(|account| format!(" of {account}")).unwrap_or_default();
        format!("Stream({}{account}, {} columns)", scope.entity.name, columns.schema().fields().len())
    }
}

/// One reading of a stream, as an iterator of record batches. Dropping it ends its requests.
#[pyclass(frozen, module = "stripe_raw_rs._core")]
pub struct Reading {
    name: &'static str,
    reader: Arc<ListReader>,
    resources: Resources,
    outcome: Arc<Outcome>,
    /// Whether nothing follows: the end has come, or an error, or it was closed.
    is_over: AtomicBool,
}

type Batch = Option<arrow_array::RecordBatch>;

impl Reading {
    /// Begins to ask, unless it has. False if nothing follows.
    fn goes_on(&self) -> PyResult<bool> {
        RUNTIME.check()?;
        if self.is_over.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let _inside = runtime()?.enter();
        self.reader.begin(&self.resources);
        Ok(true)
    }

    fn note(&self, batch: CoreResult<Batch>) -> CoreResult<Batch> {
        self.outcome.refused.store(self.reader.refused(), Ordering::Relaxed);
        if !matches!(batch, Ok(Some(_))) {
            self.is_over.store(true, Ordering::Relaxed);
        }
        batch.inspect_err(|error| {
            *self.outcome.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        })
    }

    /// The next rows, with Ctrl-C answered meanwhile: the outer error is that of a signal.
    fn next(&self, py: Python<'_>) -> PyResult<CoreResult<Batch>> {
        if !self.goes_on()? {
            return Ok(Ok(None));
        }
        // This is checked before each wait: if rows come faster than ticks, no wait ever times out.
        py.check_signals()?;
        let batch = self.note(wait(py, self.reader.next_batch())?);
        hand_over(py)?;
        Ok(batch)
    }

    /// The same in a thread that Python may know nothing of.
    fn next_without_python(&self, interrupts: &mut Interrupts) -> PyResult<CoreResult<Batch>> {
        if !self.goes_on()? {
            return Ok(Ok(None));
        }
        runtime()?.block_on(async {
            tokio::select! {
                biased;
                () = interrupts.next() => Err(PyKeyboardInterrupt::new_err(())),
                batch = self.reader.next_batch() => Ok(self.note(batch)),
            }
        })
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if !RUNTIME.is_here() {
            std::mem::forget((Arc::clone(&self.reader), self.resources.clone()));
        }
    }
}

#[pymethods]
impl Reading {
    const fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<RecordBatch>> {
        Ok(self.next(py)??.map(RecordBatch))
    }

    /// Come back when `poll` may have something new to say; to be awaited in a running loop.
    fn ready<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let ready = self.goes_on()?.then(|| self.reader.ready());
        pyo3_async_runtimes::tokio::future_into_py(py, async move {
            if let Some(ready) = ready {
                ready.await;
            }
            Ok(())
        })
    }

    /// The next rows if they are there; None if not.
    ///
    /// Raises StopAsyncIteration at the end, or the error that has ended the reading.
    fn poll(&self, py: Python<'_>) -> PyResult<Option<RecordBatch>> {
        let polled = if self.goes_on()? { self.reader.poll_batch().transpose() } else { Some(Ok(None)) };
        let batch = polled.map(|batch| self.note(batch)).transpose()?;
        hand_over(py)?;
        match batch {
            Some(None) => Err(PyStopAsyncIteration::new_err(())),
            batch => Ok(batch.flatten().map(RecordBatch)),
        }
    }

    /// End the requests, and drop the rows that wait.
    fn close(&self) -> PyResult<()> {
        RUNTIME.check()?;
        self.is_over.store(true, Ordering::Relaxed);
        self.reader.stop();
        Ok(())
    }

    fn __repr__(&self) -> String {
        format!("Reading({})", self.name)
    }
}

/// A reading in the hands of a library that takes Arrow streams. It may begin in any thread and ask in any other; Python
/// answers signals in its main thread alone, so everywhere else the reading listens for itself.
struct Exported {
    reading: Reading,
    thread: ThreadId,
    interrupts: Interrupts,
}

impl Exported {
    fn next_batch(&mut self) -> PyResult<CoreResult<Batch>> {
        if thread::current().id() != self.thread {
            return self.reading.next_without_python(&mut self.interrupts);
        }
        let Self { reading, interrupts, .. } = self;
        let attached = Python::try_attach(|py| {
            if is_main_thread(py)? {
                return reading.next(py).inspect_err(|error| keep(py, error));
            }
            let batch = py.detach(|| reading.next_without_python(interrupts))?;
            hand_over(py)?;
            Ok(batch)
        });
        attached.unwrap_or_else(|| self.reading.next_without_python(&mut self.interrupts))
    }
}

/// The library makes an error of its own of this one: Ctrl-C is then raised as soon as Python's code goes on.
fn keep(py: Python<'_>, error: &PyErr) {
    if error.is_instance_of::<PyKeyboardInterrupt>(py)
        && let Ok(thread) = py.import("_thread")
    {
        drop(thread.call_method0("interrupt_main"));
    }
}

impl Iterator for Exported {
    type Item = Result<ArrayRef, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let name = self.reading.name;
        // A panic that left this function would end the process.
        let batch = catch_unwind(AssertUnwindSafe(|| self.next_batch())).unwrap_or_else(|_| {
            Ok(Err(Error::new(Class::Internal, format!("{name}: stripe-raw itself failed, and stderr shows where"))))
        });
        let said = match batch {
            Ok(Ok(batch)) => return batch.map(|batch| Ok(Arc::new(StructArray::from(batch)) as ArrayRef)),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("{name}: the reading was interrupted"),
        };
        self.reading.is_over.store(true, Ordering::Relaxed);
        self.reading.reader.stop();
        Some(Err(ArrowError::IoError(said.clone(), std::io::Error::other(said))))
    }
}
