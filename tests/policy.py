# SPDX-License-Identifier: GPL-2.0-only
"""The module parameter that overrides the driver's choice of descriptors."""

PARAMETER = 'indirect'
DEFAULT = '-1'
VALUES = ('0', '1')
DESCRIPTORS = {'0': 'direct', '1': 'indirect'}
