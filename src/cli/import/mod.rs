//! `roster import`: imports users, groups and members directly into the database.

mod checkpoint;
mod display;
mod rejects;

use super::database::{tenant_named, with_database};
use crate::clock::Clock;
use crate::config::Settings;
use crate::console::origin;
use crate::db::Database;
use crate::domain::fields::FieldError;
use crate::domain::import::{Format, Line, Mapping, Match, Mode};
use crate::domain::json;
use crate::domain::tenant::DEFAULT_NAME;
use crate::error::AppError;
use crate::ops::import::{Importer, LineResult, OpenError, Options, Report, Summary, batches};
use checkpoint::{Checkpoint, Input};
use clap::{Args, ValueEnum};
use display::Display;
use futures_util::stream::{self, Stream, StreamExt as _};
use rejects::Rejects;
use serde::Serialize;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The arguments of `roster import`.
#[derive(Args, Debug)]
pub(super) struct ImportArguments {
    /// The file to import; `-` reads standard input
    file: PathBuf,
    /// Name of the tenant to import into
    #[arg(long, default_value = DEFAULT_NAME)]
    tenant: String,
    /// Prints the changes that the import would make, without making them
    #[arg(long)]
    plan: bool,
    /// Attribute that identifies existing users and groups: userName, externalId or id; by default, id for lines of an
    /// export and userName for others
    #[arg(long = "match", value_name = "ATTRIBUTE")]
    matching: Option<Match>,
    /// Treatment of lines whose user or group exists: upsert updates it, create refuses the line
    #[arg(long, default_value_t)]
    mode: Mode,
    /// Format of the file; by default, csv if its name ends with .csv, and otherwise ndjson
    #[arg(long)]
    format: Option<FormatName>,
    /// JSON file that maps CSV columns to attributes
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
    /// File to which refused lines are copied unchanged
    #[arg(long, value_name = "FILE", conflicts_with = "plan")]
    rejects: Option<PathBuf>,
    /// Continues an import that was interrupted
    #[arg(long, conflicts_with = "plan")]
    resume: bool,
    /// The `head` that the plan printed; the import is refused if the newest revision differs (see --max-drift)
    #[arg(long, value_name = "REVISION", conflicts_with = "resume")]
    expect_head: Option<i64>,
    /// Number of revisions by which the head may be later than expected
    #[arg(long, value_name = "NUMBER", requires = "expect_head", default_value_t = 0)]
    max_drift: u32,
}

/// The formats of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatName {
    /// Lines of JSON
    Ndjson,
    /// CSV with a header
    Csv,
}

/// The exit code if lines were refused.
const REFUSED: u8 = 3;

/// Runs the command.
pub(super) fn run(settings: &Settings, arguments: &ImportArguments) -> Result<ExitCode, AppError> {
    let format = arguments.format()?;
    let input = Input::open(&arguments.file)?;
    if !input.is_regular && (arguments.resume || arguments.rejects.is_some()) {
        return Err(AppError::new("--resume and --rejects require a file"));
    }
    let refused = with_database(settings, async |database| {
        let mut import = Import::start(database, arguments, &input).await?;
        import.run(input.reader()?, format).await
    })?;
    Ok(if refused > 0 { ExitCode::from(REFUSED) } else { ExitCode::SUCCESS })
}

impl ImportArguments {
    fn format(&self) -> Result<Format, AppError> {
        let is_csv = self.file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
        match (self.format.unwrap_or(if is_csv { FormatName::Csv } else { FormatName::Ndjson }), &self.map) {
            (FormatName::Csv, map) => {
                Ok(Format::Csv(map.as_deref().map(read_mapping).transpose()?.unwrap_or_default()))
            }
            (FormatName::Ndjson, None) => Ok(Format::Ndjson),
            (FormatName::Ndjson, Some(_)) => Err(AppError::new("--map is only supported for CSV")),
        }
    }

    fn options(&self) -> Options {
        Options { matching: self.matching, mode: self.mode, plan: self.plan, resuming: self.resume }
    }

    /// Checks that the data has not changed too much since a plan.
    fn check_head(&self, head: i64) -> Result<(), AppError> {
        let Some(expected) = self.expect_head else { return Ok(()) };
        if (0..=i64::from(self.max_drift)).contains(&(head - expected)) {
            return Ok(());
        }
        Err(AppError::new(format!(
            "the newest revision is {head}, not {expected}: the data has changed since the plan; repeat the plan"
        )))
    }
}

fn read_mapping(file: &Path) -> Result<Mapping, AppError> {
    let bytes = fs::read(file).map_err(cannot_read(file))?;
    let value = json::parse(&bytes).map_err(|error| AppError::new(format!("{}: {error}", file.display())))?;
    Mapping::read(value).map_err(|errors| AppError::new(format!("{}: {}", file.display(), one_line(&errors))))
}

fn cannot_read(file: &Path) -> impl FnOnce(io::Error) -> AppError {
    move |error| AppError::new(format!("cannot read {}: {error}", file.display()))
}

fn one_line(errors: &[FieldError]) -> String {
    let errors: Vec<_> = errors.iter().map(|error| format!("{} {}", error.pointer, error.detail)).collect();
    errors.join(", ")
}

/// An import in progress.
struct Import {
    importer: Importer,
    checkpoint: Checkpoint,
    rejects: Option<Rejects>,
    display: Display,
    /// The newest revision before a plan.
    planned_at: Option<i64>,
}

impl Import {
    async fn start(
        database: &Database,
        arguments: &ImportArguments,
        input: &Input,
    ) -> Result<Self, AppError> {
        let tenant = tenant_named(database, arguments.tenant.clone()).await?;
        let options = arguments.options();
        let start = |totals| Importer::new(database.clone(), origin(), tenant, options, totals);
        let (head, epoch) = start(Default::default()).head().await.map_err(AppError::new)?;
        arguments.check_head(head)?;
        let mut checkpoint = Checkpoint::new(input, epoch, !options.plan);
        if arguments.resume {
            checkpoint.load()?;
        }
        let rejects =
            arguments.rejects.as_deref().map(|file| Rejects::open(file, input, checkpoint.rejects()));
        let importer = start(checkpoint.totals());
        let planned_at = options.plan.then_some(head);
        let display = Display::new(input.length());
        Ok(Self { importer, checkpoint, rejects: rejects.transpose()?, display, planned_at })
    }

    /// Returns the number of refused lines.
    async fn run(&mut self, reader: Box<dyn Read>, format: Format) -> Result<u64, AppError> {
        let input = batches(pieces(reader).boxed_local(), format).await.map_err(|error| match error {
            OpenError::Invalid(errors) => {
                AppError::new(format!("the file cannot be imported: {}", one_line(&errors)))
            }
            OpenError::Input(error) => error,
        })?;
        if let (Some(rejects), Some(header)) = (&mut self.rejects, input.header) {
            rejects.add_header(header)?;
        }
        // Fails before the first batch if the position cannot be stored, and replaces that of an earlier import.
        self.save(self.checkpoint.position())?;
        let mut batches = input.batches.boxed_local();
        while let Some(lines) = batches.next().await.transpose()? {
            self.apply(lines).await?;
        }
        self.importer.finish();
        self.report(&[])?;
        self.display.finish(self.importer.last_line());
        let head = match self.planned_at {
            Some(head) => head,
            None => self.importer.head().await.map_err(AppError::new)?.0,
        };
        let totals = self.importer.totals();
        print_line(&Summary { totals, head })?;
        self.checkpoint.remove()?;
        Ok(totals.refused)
    }

    async fn apply(&mut self, mut lines: Vec<Line>) -> Result<(), AppError> {
        let remaining =
            lines.split_off(lines.partition_point(|line| line.range.end <= self.checkpoint.position()));
        self.importer.skip(&lines);
        let Some(end) = remaining.last().map(|line| line.range.end) else { return Ok(()) };
        let ranges: Vec<_> = remaining.iter().map(|line| (line.number, line.range.clone())).collect();
        self.importer.apply(remaining, Clock::system().now()).await.map_err(|error| {
            let line = self.importer.last_line();
            AppError::new(format!("the import stopped after line {line}: {error}"))
        })?;
        self.report(&ranges)?;
        self.save(end)?;
        self.display.show(end, self.importer.last_line());
        Ok(())
    }

    fn save(&mut self, position: u64) -> Result<(), AppError> {
        let rejects = self.rejects.as_ref().map_or(0, Rejects::length);
        self.checkpoint.save(position, self.importer.totals(), rejects)
    }

    /// Prints the results since the last call, and copies the refused lines.
    fn report(&mut self, ranges: &[rejects::NumberedRange]) -> Result<(), AppError> {
        let reports = self.importer.take_reports();
        self.display.suspend(|| reports.iter().try_for_each(print_line))?;
        let refused = |report: &Report| matches!(report.result, LineResult::Refused { .. });
        let numbers = reports.iter().filter(|report| refused(report)).map(|report| report.line);
        match &mut self.rejects {
            Some(rejects) => rejects.add(numbers, ranges),
            None => Ok(()),
        }
    }
}

/// The pieces of the file. Reading blocks the thread, which has nothing else to do.
fn pieces(reader: Box<dyn Read>) -> impl Stream<Item = Result<Vec<u8>, AppError>> {
    const PIECE: usize = 64 * 1024;
    stream::try_unfold(reader, |mut reader| async move {
        let mut piece = vec![0; PIECE];
        let length = reader
            .read(&mut piece)
            .map_err(|error| AppError::new(format!("cannot read the file: {error}")))?;
        piece.truncate(length);
        Ok((length > 0).then_some((piece, reader)))
    })
}

/// Prints a result as a line of JSON.
fn print_line(line: &impl Serialize) -> Result<(), AppError> {
    let mut text = serde_json::to_string(line).map_err(AppError::new)?;
    text.push('\n');
    let written = io::stdout().write_all(text.as_bytes());
    written.map_err(|error| AppError::new(format!("cannot print the results: {error}")))
}
