# SPDX-License-Identifier: GPL-2.0-only
"""UEFI's variables, to let a machine's firmware know DKMS's key as one that its owner trusts."""

import shutil
import struct
import uuid

from harness.util import Failure

FIRMWARE = '/usr/share/OVMF/OVMF_CODE_4M.fd'
VARIABLES = '/usr/share/OVMF/OVMF_VARS_4M.fd'
OWNER = uuid.UUID('5d2f8c0e-7a5e-4b7e-9c55-76626c6b0001')
X509 = uuid.UUID('a5c059a1-94e4-4aa7-87b5-ab155c2bf072')
# The signature database, and where Linux shows it.
DB = '/sys/firmware/efi/efivars/db-d719b2cb-3d3a-4596-a3bc-dad00e67656f'
# Kept, to be seen by the firmware as well as by the system, and authenticated by time. The firmware, which has no
# owner yet, asks for no signature, but for the header that would have it.
ATTRIBUTES = 0x27
PKCS7 = uuid.UUID('4aafd29d-68df-49ee-8aa9-347d375665a7')
AUTHENTICATION = (struct.pack('<HBBBBBBIhBB', 2026, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0) +
                  struct.pack('<IHH', 24, 0x200, 0xef1) + PKCS7.bytes_le)


def args(folder):
    """QEMU's, for a machine whose variables are kept in the folder."""
    variables = folder / 'efi-variables.fd'
    if not variables.exists():
        try:
            shutil.copy(VARIABLES, variables)
        except FileNotFoundError as error:
            raise Failure(f'there is no {VARIABLES}; run harness/deps.sh (Debian package ovmf)') from error
    return ['-drive', f'if=pflash,format=raw,readonly=on,file={FIRMWARE}',
            '-drive', f'if=pflash,format=raw,file={variables}']


def database(certificate):
    """What to write into DB: a list of one X.509 certificate (DER)."""
    signature = OWNER.bytes_le + certificate
    size = 28 + len(signature)
    return (struct.pack('<I', ATTRIBUTES) + AUTHENTICATION +
            X509.bytes_le + struct.pack('<III', size, 0, len(signature)) + signature)
