/* SPDX-License-Identifier: Apache-2.0 */
/* Digest of the sources that this library was compiled from. */
extern const char medquorum_source[];
const char medquorum_source[] = MEDQUORUM_SOURCE;
