# SPDX-License-Identifier: Apache-2.0
"""CSV files that tell whose image each is."""

from medquorum.clients.data.patients import read_patients
from medquorum_testing.fuzzing.runner import scratch_file

PATH = scratch_file("patients.csv")
SEEDS = [b"scan,patient\n1,a\n2,b\n", b'\xef\xbb\xbfpatient\r\n"a, b"\r\n', b"patient\n"]


def run(data: bytes) -> None:
    PATH.write_bytes(data)
    read_patients(PATH, "patient")
