#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""junit.py FILE: one line for each test of a junit file: its name and how it went."""
import sys
import xml.etree.ElementTree as tree

for case in tree.parse(sys.argv[1]).iter("testcase"):
    how = {child.tag for child in case} & {"failure", "error", "skipped"}
    print(case.get("name"), *(sorted(how) or [case.get("result", "passed")]))
