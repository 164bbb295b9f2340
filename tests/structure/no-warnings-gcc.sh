#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The library, the command and the tests compile with gcc without a warning.
set -u
cd "$(dirname "$0")/../.." || exit 1
make -j"$(nproc)" CC=gcc BUILD=build/werror-gcc WERROR=1 CFLAGS=-O2 compiled
