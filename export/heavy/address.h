/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_HEAVY_ADDRESS_H
#define ATR_EXPORT_HEAVY_ADDRESS_H

/*
 * address: whether a certificate is that of an IP address, which BearSSL does not ask.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether the DER of a certificate names it in its subjectAltName (RFC 5280 4.2.1.6). */
bool atr_certificate_names(const uint8_t *certificate, size_t len, const uint8_t *address,
			   size_t address_len);

#endif
