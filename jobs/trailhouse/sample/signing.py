"""
The two keys that sign digests, and the list of their public halves as AWS gives it out.

Knows RSA and nothing of digests. The keys are constants: they sign made-up data only, and whoever reads this can sign
as well. Nothing real may ever trust them.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from trailhouse.sample.blanks import iso
from trailhouse.sample.recipe import DAY, Recipe

_EXPONENT = 65537
# Primes as four numbers of 256 bits, the highest first. They were made for this file; see above what they are good for.
_PRIMES = (
    (
        (
            0xDC0871E976902E35050AAEA742FFD91C567D703790425558BAF20C18105D4199,
            0xF7132391C352F645047B99E5455137FE8E4543A71F0D9B169D2F2D9EAB721315,
            0xC91A988D8A6B0889616E7E6B59272BDB736F74AF6E8EA939C99711CE0767339C,
            0x826ADFDE96986762D3FF5244E813B2F54AAB901A0D88FBBD231945BAB004EDA3,
        ),
        (
            0xC4AE53A90860563B0A8CD3579A58BC4805909B7748CF0E7086002E699E2C7391,
            0x66DED06DC771F089B1A8E10FB8DC55D6950C6F0F179EFC543B18D96B59DB4209,
            0x885A3BCEECC8DADC3E940F71D00F400DC2271E85BC7AF44C1AB435116C689400,
            0xE0CB6A2A45ECF075F9EDDB66EB39D410BB1785E36355C142061EE2352628729B,
        ),
    ),
    (
        (
            0xECAA0B9A62A610370CBCA5C607995DC0BED77A355DAF080DEA3A97009FB4753D,
            0x2EA5061AAC10DF80F3426710D9F00EECF2A83F7269970BFF97F47F4D7BC51BCD,
            0x7BB5456678155C2F58C34A5A0316B7D68D95047B1475F5055B2D699F15F60022,
            0xC29DFBEF89FB15DE03B7A1BA5299817ABE76C73B6DCA809B0753B23E40D51FD1,
        ),
        (
            0xDBB446191C6FEB69D34185B1436B83B7E627AC701895F84866AF6B312DAABDBD,
            0xF80EBFFF89AD70F04B6ED020D0A685B3F0675DBC19E2A202A3ECEA607CF39392,
            0x0BDABA8F64C9AA8C7387BF262FC02CEC1E53D813544D17E35616A5C9761128E2,
            0x301F585DE83E7163199FA97EF06C4D9E56775CA2A3C99EFD0D8ED46320C3CC3D,
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Signer:
    """A key, and what others know it by."""

    private: rsa.RSAPrivateKey
    public: bytes  # PKCS#1, DER
    fingerprint: str

    def sign(self, text: str) -> str:
        return self.private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()).hex()


def signer_at(recipe: Recipe, moment: int) -> Signer:
    """The key is changed half-way through the sample."""
    return _signers()[moment >= recipe.half]


def public_keys(recipe: Recipe) -> bytes:
    """What `aws cloudtrail list-public-keys` prints. The keys' times overlap, as AWS's do."""
    first, second = _signers()
    listed = [
        _public_key(first, recipe.midnight - 30 * DAY, recipe.half + DAY),
        _public_key(second, recipe.half - DAY, recipe.end + 60 * DAY),
    ]
    return (json.dumps({"PublicKeyList": listed}, indent=4) + "\n").encode()


def _public_key(signer: Signer, since: int, until: int) -> dict[str, str]:
    return {
        "Value": base64.b64encode(signer.public).decode(),
        "ValidityStartTime": iso(since).replace("Z", "+00:00"),
        "ValidityEndTime": iso(until).replace("Z", "+00:00"),
        "Fingerprint": signer.fingerprint,
    }


@lru_cache(maxsize=1)
def _signers() -> tuple[Signer, Signer]:
    first, second = (_signer(_number(p), _number(q)) for p, q in _PRIMES)
    return first, second


def _number(parts: tuple[int, int, int, int]) -> int:
    return sum(part << shift for part, shift in zip(parts, (768, 512, 256, 0), strict=True))


def _signer(p: int, q: int) -> Signer:
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    halves = (rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q))
    private = rsa.RSAPrivateNumbers(p, q, d, *halves, rsa.RSAPublicNumbers(_EXPONENT, p * q)).private_key()
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    return Signer(private, public, hashlib.md5(public, usedforsecurity=False).hexdigest())
