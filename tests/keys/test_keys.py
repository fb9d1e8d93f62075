"""Private keys: accepted formats, refusals with their reasons, and that nothing prints a key (specification §5.6)."""

import base64
import copy
import io
import json
import pickle
import traceback

import base58
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from tests.support.effort import examples

from overmind.keys.keystore import seal, unseal
from overmind.keys.secret_key import BadKey, SecretKey, is_address, key_of_bytes, public_key_fault, read_key

SEED = Keypair.from_seed(bytes(range(32)))
ARRAY = json.dumps(list(bytes(SEED)))
BASE58 = str(SEED)
OTHER = str(Keypair.from_seed(bytes(32)).pubkey())
WORDS = "legal winner thank year wave sausage worth useful legal winner thank yellow"
NOT_MATCHING = "the public half of the private key does not match its secret half"

ACCEPTED = [
    ("a JSON array", ARRAY),
    ("an array over several lines", ARRAY.replace(",", ",\n ")),
    ("base58", BASE58),
    ("base58 with blanks around it", f"  {BASE58}\n"),
    ("base58 in quotes, as JSON or Docker has it", f'"{BASE58}"\r\n'),
    ("base58 in single quotes", f"'{BASE58}'"),
    ("base58 after a byte order mark", f"\ufeff{BASE58}\u00a0"),
    ("an array in quotes", f'"{ARRAY}"'),
]


@pytest.mark.parametrize(("what", "text"), ACCEPTED, ids=[what for what, _ in ACCEPTED])
def test_a_key_is_read_from(what: str, text: str) -> None:
    key = read_key(text)
    assert isinstance(key, SecretKey), what
    assert key.public_key == str(SEED.pubkey())
    assert bytes(key.reveal()) == bytes(SEED)


REFUSED = [
    ("the seed's example 1..64", json.dumps(list(range(1, 65))), NOT_MATCHING),
    ("all zeros", json.dumps([0] * 64), NOT_MATCHING),
    ("the halves swapped", json.dumps(list(bytes(SEED)[32:] + bytes(SEED)[:32])), NOT_MATCHING),
    ("nothing", "  ", "the private key is empty"),
    ("63 bytes", json.dumps(list(bytes(SEED)[:63])), "the private key has 63 bytes, not 64"),
    ("65 bytes", json.dumps([*bytes(SEED), 0]), "the private key has 65 bytes, not 64"),
    ("the 32 bytes of a seed alone", json.dumps(list(range(32))), "the private key has 32 bytes, not 64"),
    ("base58 of a public key", OTHER, "the private key has 32 bytes, not 64"),
    ("a byte of 256", json.dumps([256] * 64), "something other than whole numbers from 0 to 255"),
    ("a negative byte", json.dumps([-1] * 64), "something other than whole numbers from 0 to 255"),
    ("a fraction", json.dumps([1.0] * 64), "something other than whole numbers from 0 to 255"),
    ("truth values", json.dumps([True] * 64), "something other than whole numbers from 0 to 255"),
    ("a cut array", ARRAY[:-1], "begins like a JSON array, but is not valid JSON"),
    ("brackets without end", "[" * 4_000, "begins like a JSON array, but is not valid JSON"),
    ("a letter that base58 lacks", "0" + BASE58[1:], "neither a JSON array nor base58"),
    ("base58 far too long", BASE58 * 3, "neither a JSON array nor base58"),
    ("a megabyte", "1" * 1_000_000, "far too long"),
    ("a seed in base58", base58.b58encode(bytes(SEED)[:32]).decode(), "32 bytes, not 64: a seed or an address alone"),
    ("a seed in hexadecimal", bytes(SEED)[:32].hex(), "it is hexadecimal of 32 bytes, a seed or an address"),
    ("hexadecimal with 0x", "0x" + bytes(SEED).hex().upper(), "it is hexadecimal of 64 bytes"),
    ("base64", base64.b64encode(bytes(SEED)).decode(), "it is base64 of 64 bytes"),
    ("a recovery phrase", WORDS, "it is a recovery phrase (mnemonic) of 12 words"),
    ("a recovery phrase, a word a line", WORDS.replace(" ", "\n") + "\n" + WORDS, "(mnemonic) of 24 words"),
    ("numbers without brackets", ARRAY.strip("[]"), "it is numbers without the brackets of a JSON array"),
    ("an object", '{"secretKey": 1}', "it is a JSON object"),
    ("a PEM file", "-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----", "it is a PEM file"),
]


@pytest.mark.parametrize(("what", "text", "reason"), REFUSED, ids=[what for what, _, _ in REFUSED])
def test_a_key_is_refused(what: str, text: str, reason: str) -> None:
    refused = read_key(text)
    assert isinstance(refused, BadKey), what
    assert reason in refused.problem
    assert refused.fix
    parts = {text[place : place + 6].strip() for place in range(0, min(len(text), 2_000) - 6, 3)} - {""}
    assert not [part for part in parts if part in f"{refused.problem} {refused.fix}"]


def test_a_public_key_must_belong_to_it() -> None:
    key = SecretKey(SEED)
    assert public_key_fault(key, key.public_key) is None
    fault = public_key_fault(key, OTHER)
    assert fault is not None
    assert key.public_key in fault.problem


@given(st.binary(min_size=64, max_size=64))
def test_only_a_matching_key_is_a_key(octets: bytes) -> None:
    read = key_of_bytes(octets)
    matches = bytes(Keypair.from_seed(octets[:32]).pubkey()) == octets[32:]
    assert isinstance(read, SecretKey) == matches


@given(st.binary(min_size=32, max_size=32))
def test_base58_and_the_array_are_the_same_key(seed: bytes) -> None:
    pair = Keypair.from_seed(seed)
    assert read_key(str(pair)) == read_key(json.dumps(list(bytes(pair)))) == SecretKey(pair)


@given(st.one_of(st.text(), st.text("[]0123456789, "), st.text("123456789ABCDEFabcdef", min_size=60)))
def test_any_other_text_is_refused(text: str) -> None:
    assert isinstance(read_key(text), SecretKey | BadKey)


@given(st.binary(min_size=32, max_size=32))
def test_every_address_is_an_address(octets: bytes) -> None:
    assert is_address(str(Pubkey.from_bytes(octets)))


@pytest.mark.parametrize("text", ["", "abc", "0" * 44, BASE58, OTHER + "1"])
def test_invalid_addresses(text: str) -> None:
    assert not is_address(text)


def test_nothing_shows_the_secret() -> None:
    key = SecretKey(SEED)
    trace = io.StringIO()
    try:
        raise ValueError(key)
    except ValueError:
        traceback.print_exc(file=trace)
    shows = [repr(key), str(key), f"{key}", f"{key:>200}", f"{key!r}", repr({"key": key}), trace.getvalue()]
    for shown in shows:
        assert BASE58 not in shown
        assert ARRAY not in shown
        assert key.public_key in shown


def test_it_is_never_serialised() -> None:
    key = SecretKey(SEED)
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(key)
    with pytest.raises(TypeError):
        msgspec.json.encode(key)
    with pytest.raises(TypeError):
        vars(key)
    assert copy.deepcopy({"key": key})["key"] is copy.copy(key) is key


PASSPHRASE = "correct horse battery"


def test_a_sealed_key_comes_back() -> None:
    envelope = seal(SecretKey(SEED), PASSPHRASE)
    assert unseal(json.loads(envelope), PASSPHRASE) == SecretKey(SEED)
    assert BASE58.encode() not in envelope
    assert envelope != seal(SecretKey(SEED), PASSPHRASE)


CANNOT_OPEN = "the passphrase does not open the keystore, or the file was changed"
CHANGES = [
    ("another passphrase", {}, PASSPHRASE + " ", CANNOT_OPEN),
    ("no passphrase", {}, None, "no passphrase is set"),
    ("another public key beside it", {"public_key": OTHER}, PASSPHRASE, CANNOT_OPEN),
    ("another salt", {"salt": "AAAAAAAAAAAAAAAAAAAAAA=="}, PASSPHRASE, CANNOT_OPEN),
    ("a short nonce", {"nonce": "AAAA"}, PASSPHRASE, CANNOT_OPEN),
    ("an empty ciphertext", {"ciphertext": ""}, PASSPHRASE, CANNOT_OPEN),
    ("a ciphertext that is no base64", {"ciphertext": "é"}, PASSPHRASE, CANNOT_OPEN),
    ("cheap parameters", {"memory_kib": 8}, PASSPHRASE, "parameters are not ours"),
    ("ruinous parameters", {"memory_kib": 2**40}, PASSPHRASE, "parameters are not ours"),
    ("a later version", {"version": 2}, PASSPHRASE, "not a keystore of version 1"),
    ("an unknown field", {"note": ""}, PASSPHRASE, "not a keystore of version 1"),
    ("a public key that is none", {"public_key": "\ud800"}, PASSPHRASE, "not a keystore of version 1"),
]


@pytest.fixture(scope="module")
def envelope() -> dict[str, object]:
    parsed: dict[str, object] = json.loads(seal(SecretKey(SEED), PASSPHRASE))
    return parsed


@pytest.mark.parametrize(("what", "change", "passphrase", "reason"), CHANGES, ids=[change[0] for change in CHANGES])
def test_a_keystore_is_refused(
    envelope: dict[str, object], what: str, change: dict[str, object], passphrase: str | None, reason: str
) -> None:
    refused = unseal({**envelope, **change}, passphrase)
    assert isinstance(refused, BadKey), what
    assert reason in refused.problem


@settings(max_examples=examples(5))
@given(st.text(min_size=8))
def test_any_passphrase_works(passphrase: str) -> None:
    assert unseal(json.loads(seal(SecretKey(SEED), passphrase)), passphrase) == SecretKey(SEED)
