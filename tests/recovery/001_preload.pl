# Does a server that is not prepared say so, and what to do about it?
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;

# the suite's settings preload the library; this server does without
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->start;

my ($result, $stdout, $stderr) = $node->psql('postgres', 'CREATE EXTENSION harthio',
	extra_params => [ '-v', 'VERBOSITY=verbose' ]);
isnt($result, 0, 'CREATE EXTENSION fails without preloading');
like($stderr, qr/ERROR:  55000: harthio is not preloaded/, 'SQLSTATE and message');
like($stderr, qr/HINT:  Add "harthio" to shared_preload_libraries and restart the server/, 'hint');

# a database that had it before somebody forgot the setting
$node->append_conf('postgresql.conf',
	"shared_preload_libraries = 'harthio'\nharthio.database = 'postgres'");
$node->restart;
$node->safe_psql('postgres', 'CREATE EXTENSION harthio');
is($node->safe_psql('postgres', "SELECT provider FROM harthio_claim_provider('s', 'alice')"),
	'daily', 'works when preloaded');

$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
for my $call (
	"harthio_claim_provider('s', 'alice')", "harthio_report_outcome('s', 1, true)",
	"harthio_switch_provider('s', 1)",      "harthio_leave_session('s')",
	"harthio_end_session('s')",             "harthio_session('s')",
	"harthio_providers()",                  "harthio_authorize('s')",
	"harthio_snapshot('{s}')",              "harthio.protocol_version()",
	"harthio_report_quality('s', 1, '{}')", "harthio_report_probe('daily', true)",
	"harthio.activity_now()",               "harthio.provider_scores()",
	"harthio_attach('n', 's', '{}')",       "harthio_renew_lease('n')",
	"harthio_evacuate_provider('daily')",   "harthio_drain_provider('daily')",
	"harthio_enable_provider('daily')",     "harthio.sweep()")
{
	($result, $stdout, $stderr) = $node->psql('postgres', "SELECT $call",
		extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	like($stderr, qr/ERROR:  55000: harthio is not preloaded/, "$call says so");
}
is($node->safe_psql('postgres', 'SELECT 1'), '1', 'and the server lives');

$node->stop;
done_testing();
