//! ListOps, drawn or from files.

use anther_data::listops::{CLASSES, ListOps, ListOpsTable, TOKENS};
use anther_data::{DataDir, LabelledBatch, Split};
use anther_transformer::ExampleForm;

use super::{Part, Source};
use crate::recipe::Recipe;
use crate::task::TaskError;
use crate::task::fingerprint::Fingerprint;

/// Examples that are drawn for the validation and for the test part each, as many as the Long Range Arena has.
const MEASURED: usize = 2000;

/// The lists of a recipe: from the files of a folder if it names one, else drawn.
pub(super) fn source(recipe: &Recipe, data: &DataDir) -> Result<Box<dyn Source>, TaskError> {
    let config = &recipe.data;
    Ok(match &config.name {
        None => Box::new(Drawn {
            task: ListOps::new(config.listops())?,
            examples: config.examples,
            seed: config.table_seed,
        }),
        Some(name) => {
            let folder = data.folder(name, None)?;
            let read = |part: &str| {
                let plain = folder.join(format!("basic_{part}.tsv"));
                let packed = folder.join(format!("basic_{part}.tsv.gz"));
                ListOpsTable::read(if packed.is_file() && !plain.is_file() { &packed } else { &plain })
            };
            Box::new(Files([read("train")?, read("val")?, read("test")?]))
        }
    })
}

/// Lists drawn when they are needed.
struct Drawn {
    task: ListOps,
    examples: usize,
    seed: u64,
}

impl Source for Drawn {
    fn form(&self) -> ExampleForm {
        ExampleForm::Tokens { vocabulary: TOKENS, longest: self.task.config().longest }
    }

    fn classes(&self) -> usize {
        CLASSES
    }

    fn count(&self, part: Part) -> usize {
        if part == Part::Train { self.examples } else { MEASURED }
    }

    fn labels(&self) -> Vec<u32> {
        let mut tokens = Vec::new();
        let label = |index: usize| self.task.example(self.seed, Split::Train, index as u64, &mut tokens);
        (0..self.examples).map(label).collect()
    }

    fn plain(&self, part: Part, examples: &[usize], batch: &mut LabelledBatch) -> Result<(), TaskError> {
        // The test part follows the validation part in one stream.
        let (split, first) = match part {
            Part::Train => (Split::Train, 0),
            Part::Validation => (Split::Validation, 0),
            Part::Test => (Split::Validation, MEASURED),
        };
        let lists: Vec<usize> = examples.iter().map(|index| first + index).collect();
        Ok(self.task.refill(self.seed, split, &lists, batch)?)
    }

    fn digest(&self, digest: &mut Fingerprint) {
        // Nothing but the recipe.
        digest.bytes("listops");
    }
}

/// Training, validation and test lists out of files.
struct Files([ListOpsTable; 3]);

impl Files {
    fn part(&self, part: Part) -> &ListOpsTable {
        match part {
            Part::Train => &self.0[0],
            Part::Validation => &self.0[1],
            Part::Test => &self.0[2],
        }
    }

    fn longest(&self) -> usize {
        self.0.iter().map(ListOpsTable::longest).max().unwrap_or(0)
    }
}

impl Source for Files {
    fn form(&self) -> ExampleForm {
        ExampleForm::Tokens { vocabulary: TOKENS, longest: self.longest() }
    }

    fn classes(&self) -> usize {
        CLASSES
    }

    fn count(&self, part: Part) -> usize {
        self.part(part).len()
    }

    fn labels(&self) -> Vec<u32> {
        self.0[0].labels().to_vec()
    }

    fn plain(&self, part: Part, examples: &[usize], batch: &mut LabelledBatch) -> Result<(), TaskError> {
        self.part(part).refill(examples, self.longest(), batch);
        Ok(())
    }

    fn digest(&self, digest: &mut Fingerprint) {
        for table in &self.0 {
            digest.bytes((table.len() as u64).to_le_bytes());
            for list in 0..table.len() {
                digest.tokens(table.list(list));
            }
        }
    }
}
