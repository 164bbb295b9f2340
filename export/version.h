/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_VERSION_H
#define ATR_EXPORT_VERSION_H

#define ATR_VERSION "0.1.0"
#define ATR_SCHEMA_URL "https://opentelemetry.io/schemas/1.45.0"

#endif
