//! `preprocessor_config.json`: what `transformers` makes of an image before a model reads it.

use anther_data::images::Standard;
use serde_json::{Value, json};

/// What a file says, as far as it has a place here.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Preprocessor {
    /// What pixels are standardised by.
    pub(super) standard: Standard,
    /// Whether images are scaled to the size that the model takes.
    pub(super) resizes: bool,
    /// What it says beside and is not done here.
    pub(super) warnings: Vec<&'static str>,
}

impl Preprocessor {
    /// Reads what is said to images of `[channels, rows, columns]`, as `config.json` has them.
    ///
    /// # Errors
    /// One sentence that names the key.
    pub(super) fn read(file: &Value, [channels, rows, columns]: [usize; 3]) -> Result<Self, String> {
        if !file.is_object() {
            return Err("it is no JSON object".to_owned());
        }
        // Pixels are numbers up to 255 there, and up to 1 here.
        let scale = if flag(file, "do_rescale", true)? { 255.0 * rescale_factor(file)? } else { 255.0 };
        let [mut mean, mut std] = if flag(file, "do_normalize", true)? {
            [numbers(file, "image_mean", channels)?, numbers(file, "image_std", channels)?]
        } else {
            [vec![0.0; channels], vec![1.0; channels]]
        };
        // A decimal form of 1/255 must not change numbers that are meant as they are.
        if (scale - 1.0).abs() > 1e-6 {
            mean.iter_mut().chain(&mut std).for_each(|number| *number /= scale);
        }
        let (resizes, crops) = (flag(file, "do_resize", true)?, flag(file, "do_center_crop", false)?);
        let mut warnings = Vec::new();
        if crops {
            warnings.push("it cuts the middle out of images (do_center_crop), which are scaled as a whole here");
        }
        let size = sides(&file[if crops { "crop_size" } else { "size" }]);
        if resizes && size.is_some_and(|size| size != [rows, columns]) {
            warnings.push("it makes images of another size than config.json says, which is the one that is taken");
        }
        Ok(Preprocessor { standard: Standard { mean, std }, resizes, warnings })
    }
}

/// The file that says how images of `[channels, rows, columns]` are standardised and scaled.
pub(super) fn written(standard: &Standard, [_, rows, columns]: [usize; 3]) -> Value {
    let Standard { mean, std } = standard;
    // The processor of ViT cuts nothing off, which that of DeiT does unless it is told not to.
    json!({
        "do_normalize": true,
        "do_rescale": true,
        "do_resize": true,
        "image_mean": mean,
        "image_processor_type": "ViTImageProcessor",
        "image_std": std,
        // Bilinear.
        "resample": 2,
        "rescale_factor": 1.0 / 255.0,
        "size": { "height": rows, "width": columns },
    })
}

fn flag(file: &Value, key: &str, absent: bool) -> Result<bool, String> {
    match &file[key] {
        Value::Null => Ok(absent),
        Value::Bool(flag) => Ok(*flag),
        other => Err(format!("{key} is {other}, which is not true or false")),
    }
}

fn rescale_factor(file: &Value) -> Result<f64, String> {
    let factor = &file["rescale_factor"];
    match factor.as_f64() {
        _ if factor.is_null() => Ok(1.0 / 255.0),
        Some(number) if (1e-9..=1e9).contains(&number) => Ok(number),
        _ => Err(format!("rescale_factor is {factor}, which is not a number above 0")),
    }
}

/// A number for each channel; a single one is for all of them.
fn numbers(file: &Value, key: &str, channels: usize) -> Result<Vec<f64>, String> {
    let found = &file[key];
    let all = match found {
        Value::Null => return Err(format!("{key} is not there; it is a number for each channel")),
        Value::Array(numbers) => numbers.iter().map(Value::as_f64).collect(),
        number => number.as_f64().map(|number| vec![number; channels]),
    };
    let all: Vec<f64> = all.ok_or_else(|| format!("{key} is {found}, which is not a number for each channel"))?;
    if all.len() == channels {
        return Ok(all);
    }
    Err(format!("{key} has {} numbers, but by config.json images have {channels} channels", all.len()))
}

/// A square by its side, rows and columns by their names; images that keep their shape have at least a square of their shortest side.
fn sides(size: &Value) -> Option<[usize; 2]> {
    let count = |value: &Value| usize::try_from(value.as_u64()?).ok();
    let square = count(size).or_else(|| count(&size["shortest_edge"]));
    square.map(|side| [side, side]).or_else(|| Some([count(&size["height"])?, count(&size["width"])?]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &Value) -> Result<Preprocessor, String> {
        Preprocessor::read(file, [3, 8, 6])
    }

    #[test]
    fn what_is_written_is_read_again() {
        let standard = Standard { mean: vec![0.1, 0.25, 0.5], std: vec![0.3, 0.2, 0.125] };
        let file = written(&standard, [3, 8, 6]);
        assert_eq!(read(&file), Ok(Preprocessor { standard, resizes: true, warnings: Vec::new() }));
    }

    #[test]
    fn pixels_are_rescaled_into_the_numbers() {
        let read = |file: Value| read(&file).unwrap().standard;
        let [mean, std] = [vec![0.5, 0.4, 0.3], vec![0.25; 3]];
        let plain = Standard { mean: mean.clone(), std: std.clone() };
        // As older versions write it, as newer ones do, and without a number for each channel.
        assert_eq!(read(json!({ "image_mean": mean, "image_std": std, "size": 8 })), plain);
        let factor = 0.003_921_568_627_450_98;
        assert_eq!(read(json!({ "image_mean": mean, "image_std": 0.25, "rescale_factor": factor })), plain);
        // (255 x − mean) / std is (x − mean / 255) / (std / 255).
        let bytes = read(json!({ "do_rescale": false, "image_mean": mean, "image_std": std }));
        assert_eq!((bytes.mean[0], bytes.std[2]), (0.5 / 255.0, 0.25 / 255.0));
        // x from −1 to 1 without further numbers.
        let signed = read(json!({ "rescale_factor": 2.0 / 255.0, "image_mean": 1.0, "image_std": 1.0 }));
        assert!(signed.mean.iter().chain(&signed.std).all(|number| (number - 0.5).abs() < 1e-12), "{signed:?}");
        assert_eq!(read(json!({ "do_normalize": false })), Standard { mean: vec![0.0; 3], std: vec![1.0; 3] });
    }

    #[test]
    fn sizes_and_cuts_are_told() {
        let with = |more: Value| {
            let mut file = json!({ "image_mean": 0.5, "image_std": 0.5 });
            file.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let Preprocessor { resizes, warnings, .. } = read(&file).unwrap();
            (resizes, warnings.len())
        };
        assert_eq!(with(json!({ "size": { "height": 8, "width": 6 } })), (true, 0));
        assert_eq!(with(json!({ "size": { "height": 8, "width": 8 } })), (true, 1));
        assert_eq!(with(json!({ "size": 8 })), (true, 1));
        assert_eq!(with(json!({ "size": 8, "do_resize": false })), (false, 0));
        let cut = json!({ "size": { "shortest_edge": 10 }, "do_center_crop": true, "crop_size": { "height": 8, "width": 6 } });
        assert_eq!(with(cut), (true, 1));
        assert_eq!(with(json!({ "do_center_crop": true, "crop_size": 7 })), (true, 2));
    }

    #[test]
    fn mistakes_are_named_by_their_key() {
        for (file, words) in [
            (json!([]), "no JSON object"),
            (json!({ "do_rescale": 1 }), "do_rescale is 1"),
            (json!({ "rescale_factor": 0 }), "rescale_factor is 0"),
            (json!({ "rescale_factor": "x" }), "rescale_factor is \"x\""),
            (json!({}), "image_mean is not there"),
            (
                json!({ "image_mean": [0.5, 0.5], "image_std": 1 }),
                "image_mean has 2 numbers, but by config.json images have 3",
            ),
            (json!({ "image_mean": 0.5, "image_std": [1, 1, "1"] }), "image_std is [1,1,\"1\"]"),
            (json!({ "image_mean": 0.5, "image_std": 1, "do_resize": "yes" }), "do_resize is \"yes\""),
        ] {
            let error = read(&file).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
