//! Golden files: arrays that another implementation computed, with the script that did.
//!
//! ```json
//! {"generator": {"script": "softmax.py", "sha256": "…"},
//!  "cases": [{"name": "causal", "arrays": {"q": {"shape": [2, 3], "data": [1, 2, 3, 4, 5, 6]}}, "scalars": {"eps": 1e-5}}]}
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anther_tensor::{Element, MAX_RANK, Shape, Tensor};
use serde::Deserialize;

/// A golden file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// What made the file.
    pub generator: Generator,
    /// The cases in the order of the file.
    pub cases: Vec<GoldenCase>,
}

/// The script that made a golden file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generator {
    /// Its path beside the golden file.
    pub script: String,
    /// Its SHA-256 when it ran, in lower-case hexadecimal digits.
    pub sha256: String,
}

/// Inputs, settings and results of one computation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenCase {
    /// Its name, once in a file.
    pub name: String,
    /// Arrays by name.
    #[serde(default)]
    pub arrays: BTreeMap<String, Array>,
    /// Numbers by name.
    #[serde(default)]
    pub scalars: BTreeMap<String, f64>,
}

/// A row-major array.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Array {
    /// The dimensions, outermost first.
    pub shape: Vec<usize>,
    /// The elements in row-major order.
    pub data: Vec<f64>,
}

/// Why a golden file could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GoldenError {
    /// The file could not be read.
    #[error("the golden file {path} cannot be read: make it with its script, or correct the path")]
    Read {
        /// The path that was tried.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no golden file.
    #[error("the golden file {path} is not of the expected form, so make it again: {source}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// An array has not as many elements as its shape says.
    #[error(
        "the array {array} of the case {case} has {elements} elements but the shape {shape:?}; make the golden file again"
    )]
    Shape {
        /// The name of the case.
        case: String,
        /// The name of the array.
        array: String,
        /// The dimensions that the file gives.
        shape: Vec<usize>,
        /// The number of elements that it holds.
        elements: usize,
    },
}

impl Golden {
    /// Reads a golden file.
    ///
    /// # Errors
    /// If it cannot be read, is of another form, or an array does not fit its shape.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, GoldenError> {
        let path = path.as_ref().to_owned();
        match std::fs::read(&path) {
            Ok(bytes) => Golden::parse(&bytes, path),
            Err(source) => Err(GoldenError::Read { path, source }),
        }
    }

    fn parse(bytes: &[u8], path: PathBuf) -> Result<Self, GoldenError> {
        let golden: Golden = serde_json::from_slice(bytes).map_err(|source| GoldenError::Parse { path, source })?;
        for case in &golden.cases {
            for (name, array) in &case.arrays {
                let numel = array.shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
                if numel != Some(array.data.len()) || array.shape.len() > MAX_RANK {
                    return Err(GoldenError::Shape {
                        case: case.name.clone(),
                        array: name.clone(),
                        shape: array.shape.clone(),
                        elements: array.data.len(),
                    });
                }
            }
        }
        Ok(golden)
    }

    /// The case of that name.
    ///
    /// # Panics
    /// If there is none: the test and the file do not belong together.
    #[track_caller]
    pub fn case(&self, name: &str) -> &GoldenCase {
        let names: Vec<&str> = self.cases.iter().map(|case| case.name.as_str()).collect();
        match self.cases.iter().find(|case| case.name == name) {
            Some(case) => case,
            None => panic!("no golden case is called {name}; there are {}", names.join(", ")),
        }
    }
}

impl GoldenCase {
    /// The array of that name as a tensor.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn tensor<T: Element>(&self, name: &str) -> Tensor<T> {
        let array = self.array(name);
        Tensor::from_fn(Shape::new(&array.shape), |i| T::from_f64(array.data[i]))
    }

    /// The array of that name.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn array(&self, name: &str) -> &Array {
        match self.arrays.get(name) {
            Some(array) => array,
            None => panic!("the golden case {} has no array called {name}", self.name),
        }
    }

    /// The number of that name.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn scalar(&self, name: &str) -> f64 {
        match self.scalars.get(name) {
            Some(&scalar) => scalar,
            None => panic!("the golden case {} has no scalar called {name}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Golden, GoldenError> {
        Golden::parse(text.as_bytes(), PathBuf::from("golden.json"))
    }

    fn file(array: &str) -> String {
        format!(
            r#"{{"generator": {{"script": "a.py", "sha256": "00"}},
                "cases": [{{"name": "one", "arrays": {{"q": {array}}}, "scalars": {{"eps": 0.5}}}}]}}"#
        )
    }

    #[test]
    fn arrays_become_tensors_of_either_type() {
        let golden = parse(&file(r#"{"shape": [2, 1], "data": [1.5, -2]}"#)).unwrap();
        let case = golden.case("one");
        assert_eq!(case.tensor::<f32>("q").data(), [1.5, -2.0]);
        assert_eq!(*case.tensor::<f64>("q").shape(), [2, 1]);
        assert_eq!(case.scalar("eps"), 0.5);
        assert_eq!(golden.generator.script, "a.py");
    }

    #[test]
    fn a_wrong_number_of_elements_is_an_error_that_names_the_array() {
        for array in [
            r#"{"shape": [3], "data": [1, 2]}"#,
            r#"{"shape": [18446744073709551615, 2], "data": [1, 2]}"#,
            r#"{"shape": [1, 1, 1, 1, 1, 1, 1], "data": [1]}"#,
        ] {
            let error = parse(&file(array)).unwrap_err().to_string();
            assert!(error.starts_with("the array q of the case one has"), "{error}");
        }
    }

    #[test]
    fn other_forms_and_missing_files_are_errors() {
        assert!(matches!(parse("{}"), Err(GoldenError::Parse { .. })));
        assert!(matches!(parse(&file(r#"{"shape": [1], "data": ["a"]}"#)), Err(GoldenError::Parse { .. })));
        assert!(matches!(Golden::read("no/such/file.json"), Err(GoldenError::Read { .. })));
    }

    #[test]
    #[should_panic(expected = "no golden case is called two; there are one")]
    fn a_missing_case_names_those_that_are_there() {
        parse(&file(r#"{"shape": [0], "data": []}"#)).unwrap().case("two");
    }
}
