/*
 * unit.h
 *		The least that unit tests need: checks that count.
 */
#ifndef HARTHIO_UNIT_H
#define HARTHIO_UNIT_H

#include <stdbool.h>

/* Counts a check; a failed one is reported with its place. */
void unit_check(bool good, const char *what, const char *file, int line);

#define CHECK(condition) unit_check((condition), #condition, __FILE__, __LINE__)

void test_auth(void);
void test_frame(void);
void test_hash_map(void);
void test_hub(void);
void test_identities(void);
void test_json_scan(void);
void test_limiter(void);
void test_metrics(void);
void test_options(void);
void test_phoenix(void);
void test_presence(void);
void test_probe(void);
void test_session_state(void);
void test_shared_text(void);
void test_threads(void);

#endif
