#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The library, the command and the tests compile with clang without a warning.
set -u
cd "$(dirname "$0")/../.." || exit 1
make -j"$(nproc)" CC=clang BUILD=build/werror-clang WERROR=1 CFLAGS=-O1 compiled
