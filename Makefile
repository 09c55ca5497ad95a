# Harthio: the extension is built by PGXS, the notifier by its own Makefile.
#
#   make run     install what is missing, build, show a session and stay up
#   make test    install what is missing, build, run every test
#   make         build the extension; `make install` installs it
#   make notifier

EXTENSION = harthio
EXTVERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" harthio.control)

MODULE_big = harthio
OBJS = \
	extension/activity.o \
	extension/arguments.o \
	extension/assignment.o \
	extension/change.o \
	extension/change_ring.o \
	extension/device.o \
	extension/evacuation.o \
	extension/harthio.o \
	extension/identity.o \
	extension/ladder.o \
	extension/lease.o \
	extension/message.o \
	extension/outcome.o \
	extension/participant.o \
	extension/policy.o \
	extension/policy_additive.o \
	extension/policy_adaptive.o \
	extension/policy_breaker.o \
	extension/policy_guards.o \
	extension/probe.o \
	extension/provider.o \
	extension/provider_cache.o \
	extension/provider_stats.o \
	extension/publisher.o \
	extension/quality.o \
	extension/quality_metrics.o \
	extension/quality_model.o \
	extension/quality_notes.o \
	extension/quality_slots.o \
	extension/quality_store.o \
	extension/quality_summary.o \
	extension/retention.o \
	extension/sightings.o \
	extension/statement.o \
	extension/row.o \
	extension/row_insert.o \
	extension/score.o \
	extension/score_choose.o \
	extension/score_learn.o \
	extension/score_report.o \
	extension/score_table.o \
	extension/scope.o \
	extension/search_path.o \
	extension/state.o \
	extension/sweeper.o \
	extension/vacancy.o \
	extension/worker.o
DATA = $(wildcard extension/harthio--*.sql) extension/compat/harthio-app.sql extension/compat/harthio_realtime.sql

PG_CPPFLAGS = -I$(CURDIR)/extension
PG_CFLAGS = -Wextra -Wno-unused-parameter -Wno-sign-compare
EXTRA_CLEAN = META.json
SHLIB_LINK = -Wl,--version-script=extension/exports.map

REGRESS = install claim outcome choice switch lifecycle identity authorize privileges errors scores transactions app guards policy views hostile_schema \
	devices leases sweep evacuation operator quality quality_switch quality_summary realtime finish
REGRESS_OPTS = --use-existing
ISOLATION = settled claim_claim claim_unseen fail_fail claim_end claim_rollback repeatable_read \
	join_expire join_retention leave_reload attach_lose evacuate_race provider_change quality_quality majority
TAP_TESTS = 1
PROVE_TESTS = tests/recovery/*.pl
ISOLATION_OPTS = --inputdir=tests/isolation --use-existing

# bitcode would inline nothing here: the work is done by SPI
override with_llvm = no

# without server headers there is nothing to build yet, but `make run` and
# `make test` must still start: they install them
PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(wildcard $(PGXS)),)
include $(PGXS)
# make installcheck wants a server with the settings of tests/server.conf
CONTRIB_TESTDB = harthio_regression
ISOLATION_TESTDB = harthio_regression

# the operator's page, for the notifier's --operator-pages
PAGES_DIR = $(DESTDIR)$(datadir)/harthio/operator
install: install-pages
install-pages:
	$(MKDIR_P) '$(PAGES_DIR)'
	$(INSTALL_DATA) $(addprefix $(srcdir)/,$(wildcard web/operator/*)) '$(PAGES_DIR)/'
uninstall: uninstall-pages
uninstall-pages:
	rm -rf '$(DESTDIR)$(datadir)/harthio'
else
all install installcheck:
	@echo "PostgreSQL's server headers are missing; make run and make test install them" >&2
	@exit 1
endif

# not part of `all`: who installs the extension need not have libwebsockets
notifier:
	$(MAKE) -C notifier
clean: clean-notifier
clean-notifier:
	$(MAKE) -C notifier clean

$(OBJS): $(wildcard extension/*.h)

# PGXN's metadata, for a release
META.json: META.json.in harthio.control
	sed 's/@EXTVERSION@/$(EXTVERSION)/g' $< >$@

run:
	@scripts/run
test:
	@scripts/test

.PHONY: notifier clean clean-notifier install-pages uninstall-pages run test

# for scripts: `make print-REGRESS` prints the variable
print-%:
	@echo $($*)
