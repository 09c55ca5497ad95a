# Is a promoted standby the same house, one generation later?
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', "shared_preload_libraries = 'harthio'\nharthio.database = 'postgres'\nharthio.score_half_life = 0");
$primary->start;
$primary->safe_psql('postgres', q{
	CREATE EXTENSION harthio;
	SELECT harthio_claim_provider('call', 'alice');
	SELECT harthio_report_outcome('call', 1, true, participant_id => 'alice');
});
$primary->poll_query_until('postgres',
	q{SELECT EXISTS (SELECT FROM harthio.provider_score WHERE provider = 'daily' AND score = 85)})
  or die 'scores were not written down';

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

$primary->safe_psql('postgres', "SELECT harthio_switch_provider('call', 1)");
$primary->wait_for_catchup($standby);

my $generation = "SELECT state ->> 'generation' || ' ' || (state ->> 'epoch') FROM harthio_snapshot('{call}')";
is($standby->safe_psql('postgres', $generation), '1 2', 'a standby can be asked for states');
my ($code, $out, $err) = $standby->psql('postgres', "SELECT harthio_claim_provider('new', 'bob')");
like($err, qr/read-only|recovery/, 'and changes nothing');
is($standby->safe_psql('postgres',
	"SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'harthio %'"),
	'0', 'nor does anybody publish there');

# an epoch that the standby never got
$standby->append_conf('postgresql.conf', "primary_conninfo = ''");
$standby->reload;
$standby->poll_query_until('postgres', 'SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)')
  or die 'the standby still follows';
$primary->safe_psql('postgres', "SELECT harthio_switch_provider('call', 2)");
is($primary->safe_psql('postgres', $generation), '1 3', 'the primary went on');
$primary->stop('immediate');

$standby->promote;
is($standby->safe_psql('postgres', $generation), '2 2',
	'after the promotion the lost epoch is outdone by its generation');
is($standby->safe_psql('postgres', "SELECT epoch, provider, generation FROM harthio_claim_provider('call', 'bob')"),
	'2|p2p|2', 'the call is where the standby knew it');
is($standby->safe_psql('postgres', "SELECT epoch, generation FROM harthio_switch_provider('call', 2)"),
	'3|2', 'and goes on from there');
is($standby->safe_psql('postgres', "SELECT score FROM harthio_providers() WHERE provider = 'daily'"),
	'85', 'the scores are those that were written down');
$standby->poll_query_until('postgres',
	"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'harthio publisher')")
  or die 'no publisher after the promotion';
pass('the publisher has started');

$standby->stop;
done_testing();
