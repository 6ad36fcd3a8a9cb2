//! Data for every recipe that is compiled in, as small as they can be, where the recipes look for them.

use crate::support::{Place, idx};

/// Texts of the recipes of language and translation, as small as they can be.
pub fn texts(place: &Place) {
    std::fs::create_dir_all(place.path("datasets/tinyshakespeare")).unwrap();
    place.write("datasets/tinyshakespeare/input.txt", "To be, or not to be, that is the question.\n".repeat(40));
    let texts: [(&str, &[&str]); 10] = [
        ("us-presidential", &["state_union.train.txt.gz", "state_union.valid.txt.gz"]),
        ("wikitext-2", &["wiki.train.tokens", "wiki.valid.tokens"]),
        ("wikitext-2-raw", &["wiki.train.raw", "wiki.valid.raw"]),
        ("wikitext-103", &["wiki.train.tokens", "wiki.valid.tokens"]),
        ("wikitext-103-raw", &["wiki.train.raw", "wiki.valid.raw"]),
        ("multi30k", &["train.de.gz", "train.en.gz", "val.de.gz", "val.en.gz"]),
        ("wmt-en-de-10k", &["train.de.gz", "train.en.gz", "valid.de.gz", "valid.en.gz"]),
        ("wmt14", &["train.de", "train.en", "newstest2013.de", "newstest2013.en"]),
        ("debian-l10n/cs", &["train.cs.gz", "train.en.gz", "valid.cs.gz", "valid.en.gz"]),
        (
            "iwslt2017/de-en",
            &[
                "train.tags.de-en.de",
                "train.tags.de-en.en",
                "IWSLT17.TED.dev2010.de-en.de.xml",
                "IWSLT17.TED.dev2010.de-en.en.xml",
            ],
        ),
    ];
    for (folder, parts) in texts {
        std::fs::create_dir_all(place.path(&format!("datasets/{folder}"))).unwrap();
        for part in parts {
            let line = " To be , or not to be , that is <unk> .\n";
            place.write(&format!("datasets/{folder}/{part}"), line.repeat(110));
        }
    }
}

/// Data sets of the recipes that tell classes, as small as they can be.
pub fn class_data(place: &Place) {
    let folder = |name: &str| std::fs::create_dir_all(place.path(name)).unwrap();
    let pixels: Vec<u8> = (0..6 * 784).map(|i| (i * 37 % 251) as u8).collect();
    folder("datasets/mnist");
    for part in ["train", "t10k"] {
        place.write(&format!("datasets/mnist/{part}-images-idx3-ubyte"), idx(&[6, 28, 28], &pixels));
        place.write(&format!("datasets/mnist/{part}-labels-idx1-ubyte"), idx(&[6], &[0, 1, 2, 0, 1, 2]));
    }
    let record = |labels: &[u8]| [labels.to_vec(), (0..3072).map(|i| (i * 7 % 253) as u8).collect()].concat();
    folder("datasets/cifar10");
    folder("datasets/cifar100");
    for file in ["data_batch_1", "test_batch"] {
        place.write(&format!("datasets/cifar10/{file}.bin"), [record(&[1]), record(&[7])].concat());
    }
    for file in ["train", "test"] {
        place.write(&format!("datasets/cifar100/{file}.bin"), [record(&[1, 20]), record(&[2, 99])].concat());
    }
    folder("datasets/uea/JapaneseVowels");
    for part in ["TRAIN", "TEST"] {
        place.write(
            &format!("datasets/uea/JapaneseVowels/JapaneseVowels_{part}.ts"),
            "@data\n1,2,3:4,5,6:a\n3,1:2,0:b\n",
        );
    }
}
