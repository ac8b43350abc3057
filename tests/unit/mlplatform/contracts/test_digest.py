"""One digest for many files."""

from hashlib import sha256

from mlplatform.contracts.digest import of_files


def test_it_is_the_sha_256_of_sorted_pairs_as_json() -> None:
    assert of_files({"b": "02", "a/c": "01"}) == sha256(b'[["a/c","01"],["b","02"]]').hexdigest()


def test_order_does_not_matter_and_names_and_contents_do() -> None:
    one = of_files({"a": "01", "b": "02"})
    assert of_files({"b": "02", "a": "01"}) == one
    assert len({one, of_files({"a": "02", "b": "01"}), of_files({"a": "01"}), of_files({"a0": "1", "b": "02"})}) == 4
