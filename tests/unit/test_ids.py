"""Identifiers: what they are made of, since people and scripts hand them on."""

from streamtime.ids import PUBLIC_ID_LENGTH, public_id


def test_an_id_is_letters_and_digits_so_that_it_is_never_taken_for_an_option() -> None:
    made = [public_id() for _ in range(1000)]
    assert all(len(each) == PUBLIC_ID_LENGTH and each.isascii() and each.isalnum() for each in made)
    assert len(set(made)) == len(made)
