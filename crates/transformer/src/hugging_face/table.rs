//! The table of the tensors of an architecture: one row says how a tensor over there and parameters here are made of each other, in both directions.

use std::collections::BTreeMap;

use anther_tensor::{Parameters, Tensor};

use super::FormError;

/// The numbers of a tensor of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// As they are, or widened to 32 bits.
    F32(Vec<f32>),
    /// Of this type, which no parameter has.
    Other(String),
}

/// A tensor of a checkpoint of `transformers`.
#[derive(Clone, Debug, PartialEq)]
pub struct ForeignTensor {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its numbers, row-major.
    pub numbers: Numbers,
}

/// How a tensor over there and parameters here are made of each other.
#[derive(Clone, Debug, PartialEq)]
enum Layout {
    /// The same numbers in the same order, maybe in another shape.
    Same,
    /// Matrices `[out, in]` here, transposed and side by side `[in, Σ out]` over there; of vectors, one after the other.
    Columns,
    /// So many rows more before those here, which nothing reads and which are written as zeros.
    RowsFrom(usize),
    /// A row for each type of a token; the first is added to each row here, and all are written as zeros.
    AddedToRows,
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    theirs: String,
    shape: Vec<usize>,
    ours: Vec<String>,
    layout: Layout,
}

/// The rows of a table with the numbers of their tensors.
pub(super) struct Matched<'t, 'a> {
    rows: Vec<(&'t Row, &'a [f32])>,
    /// The names of tensors that nothing is made of.
    pub(super) unused: Vec<String>,
}

/// All tensors of a model.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    rows: Vec<Row>,
    /// Tensors that a file may have beside the one that they are the same as.
    copies: Vec<(String, String)>,
    /// Tensors that older versions have in the place of others, which are written too.
    former: Vec<(String, String)>,
    /// Tensors that a file may have and that nothing here is made of.
    unused: Vec<String>,
    /// What names begin with, unless all of a file leave it out.
    prefix: &'static str,
}

impl Table {
    pub(super) fn prefixed(prefix: &'static str) -> Self {
        Table { prefix, ..Table::default() }
    }

    fn row(&mut self, theirs: String, shape: &[usize], ours: Vec<String>, layout: Layout) {
        self.rows.push(Row { theirs, shape: shape.to_vec(), ours, layout });
    }

    pub(super) fn same(&mut self, theirs: &str, shape: &[usize], ours: &str) {
        self.row(theirs.to_owned(), shape, vec![ours.to_owned()], Layout::Same);
    }

    /// Weight `[out, in]` and bias of a linear layer.
    pub(super) fn linear(&mut self, theirs: &str, [out, inputs]: [usize; 2], ours: &str) {
        self.same(&format!("{theirs}.weight"), &[out, inputs], &format!("{ours}.weight"));
        self.same(&format!("{theirs}.bias"), &[out], &format!("{ours}.bias"));
    }

    /// Scale and shift of a norm.
    pub(super) fn norm(&mut self, theirs: &str, width: usize, ours: &str) {
        self.same(&format!("{theirs}.weight"), &[width], &format!("{ours}.weight"));
        self.same(&format!("{theirs}.bias"), &[width], &format!("{ours}.bias"));
    }

    /// Weights and biases of linear layers with `out` outputs each, as one layer whose weight is `[in, out]`.
    pub(super) fn columns(&mut self, theirs: &str, [inputs, out]: [usize; 2], ours: &[String]) {
        let all = out.saturating_mul(ours.len());
        let named = |end: &str| ours.iter().map(|ours| format!("{ours}.{end}")).collect();
        self.row(format!("{theirs}.weight"), &[inputs, all], named("weight"), Layout::Columns);
        self.row(format!("{theirs}.bias"), &[all], named("bias"), Layout::Columns);
    }

    /// A table of `before` rows that nothing reads and then those here.
    pub(super) fn rows_from(&mut self, theirs: &str, before: usize, [rows, width]: [usize; 2], ours: &str) {
        let shape = [before.saturating_add(rows), width];
        self.row(theirs.to_owned(), &shape, vec![ours.to_owned()], Layout::RowsFrom(before));
    }

    /// A table of types whose first row is added to the rows of a parameter that stands in the table before.
    pub(super) fn added_to_rows(&mut self, theirs: &str, shape: [usize; 2], ours: &str) {
        self.row(theirs.to_owned(), &shape, vec![ours.to_owned()], Layout::AddedToRows);
    }

    pub(super) fn copy(&mut self, theirs: &str, of: &str) {
        self.copies.push((theirs.to_owned(), of.to_owned()));
    }

    /// A tensor that is written with the numbers of another one, and read where that one is missing.
    pub(super) fn formerly(&mut self, theirs: &str, now: &str) {
        self.former.push((theirs.to_owned(), now.to_owned()));
    }

    pub(super) fn unused(&mut self, theirs: impl Into<String>) {
        self.unused.push(theirs.into());
    }

    /// The tensor of each row.
    pub(super) fn matched<'a>(
        &self,
        tensors: &BTreeMap<&str, &'a ForeignTensor>,
    ) -> Result<Matched<'_, 'a>, FormError> {
        let bare = !self.prefix.is_empty() && !tensors.keys().any(|name| name.starts_with(self.prefix));
        let named = |name: &str| {
            let name = if bare { name.strip_prefix(self.prefix).unwrap_or(name) } else { name };
            name.to_owned()
        };
        let mut rest = tensors.clone();
        let mut rows = Vec::new();
        for row in &self.rows {
            let name = named(&row.theirs);
            let former = self.former.iter().find(|(_, now)| *now == row.theirs).map(|(former, _)| named(former));
            let found = rest.remove(&name[..]).or_else(|| rest.remove(&former?[..]));
            let Some(tensor) = found else {
                return Err(FormError::tensor(&name, "is missing, and config.json asks for it"));
            };
            rows.push((row, numbers(tensor, &row.shape)?));
        }
        for (copy, of) in &self.copies {
            let (copy, of) = (named(copy), named(of));
            if let Some(tensor) = rest.remove(&copy[..])
                && tensor.numbers != tensors[&of[..]].numbers
            {
                return Err(FormError::tensor(&copy, format!("is not {of}, but config.json ties the two")));
            }
        }
        for (former, _) in &self.former {
            rest.remove(&named(former)[..]);
        }
        let unused =
            self.unused.iter().map(|name| named(name)).filter(|name| rest.remove(&name[..]).is_some()).collect();
        match rest.keys().next() {
            Some(name) => Err(FormError::tensor(name, "has no place in the model that config.json describes")),
            None => Ok(Matched { rows, unused }),
        }
    }

    /// Puts the tensors in their places.
    pub(super) fn import(
        &self,
        tensors: &BTreeMap<&str, &ForeignTensor>,
        parameters: &mut Parameters<f32>,
    ) -> Result<(), FormError> {
        let matched = self.matched(tensors)?;
        matched.rows.into_iter().for_each(|(row, numbers)| row.import(numbers, parameters));
        Ok(())
    }

    pub(super) fn export(&self, value: impl Fn(&str) -> Tensor<f32>) -> Vec<ForeignTensor> {
        let written = |row: &Row| {
            let ours: Vec<Tensor<f32>> = row.ours.iter().map(|name| value(name)).collect();
            ForeignTensor {
                name: row.theirs.clone(),
                shape: row.shape.clone(),
                numbers: Numbers::F32(row.export(&ours)),
            }
        };
        let mut tensors: Vec<ForeignTensor> = self.rows.iter().map(written).collect();
        for (former, now) in &self.former {
            let same = tensors.iter().find(|tensor| tensor.name == *now).expect("a row of the table");
            let former = ForeignTensor { name: former.clone(), ..same.clone() };
            tensors.push(former);
        }
        tensors
    }
}

impl Row {
    fn import(&self, theirs: &[f32], parameters: &mut Parameters<f32>) {
        let id = |name: &str| parameters.find(name).unwrap_or_else(|| panic!("the model has no parameter {name}"));
        let ids: Vec<_> = self.ours.iter().map(|name| id(name)).collect();
        let width = self.shape.last().copied().unwrap_or(1);
        match self.layout {
            Layout::Same => parameters.set(ids[0], theirs),
            Layout::RowsFrom(before) => parameters.set(ids[0], &theirs[before * width..]),
            Layout::AddedToRows => {
                let of_type = &theirs[..width];
                let table = parameters.tensor(ids[0]);
                let sum: Vec<f32> = table.data().iter().zip(of_type.iter().cycle()).map(|(a, b)| a + b).collect();
                drop(table);
                parameters.set(ids[0], &sum);
            }
            Layout::Columns => {
                let (inputs, out) = (theirs.len() / width.max(1), width / ids.len());
                for (part, id) in ids.into_iter().enumerate() {
                    let at = |place: usize| (place % inputs) * width + part * out + place / inputs;
                    let transposed: Vec<f32> = (0..inputs * out).map(|place| theirs[at(place)]).collect();
                    parameters.set(id, &transposed);
                }
            }
        }
    }

    fn export(&self, ours: &[Tensor<f32>]) -> Vec<f32> {
        let (count, width) = (self.shape.iter().product(), self.shape.last().copied().unwrap_or(1));
        match self.layout {
            Layout::Same => ours[0].data().to_vec(),
            Layout::AddedToRows => vec![0.0; count],
            Layout::RowsFrom(before) => {
                let mut table = vec![0.0; before * width];
                table.extend_from_slice(ours[0].data());
                table
            }
            Layout::Columns => {
                let (inputs, out) = (count / width.max(1), width / ours.len());
                let at = |place: usize| {
                    let (input, column) = (place / width, place % width);
                    ours[column / out].data()[column % out * inputs + input]
                };
                (0..count).map(at).collect()
            }
        }
    }
}

/// The numbers of a tensor that must have this shape.
fn numbers<'a>(tensor: &'a ForeignTensor, shape: &[usize]) -> Result<&'a [f32], FormError> {
    let ForeignTensor { name, shape: found, numbers } = tensor;
    if found != shape {
        return Err(FormError::tensor(name, format!("has the shape {found:?}, but config.json makes it {shape:?}")));
    }
    match numbers {
        Numbers::Other(kind) => {
            Err(FormError::tensor(name, format!("holds {kind}; F32, F16 and BF16 can be read, convert it first")))
        }
        Numbers::F32(numbers) => match numbers.iter().position(|number| !number.is_finite()) {
            None => Ok(numbers),
            Some(place) => Err(FormError::tensor(name, format!("holds {} at place {place}", numbers[place]))),
        },
    }
}
