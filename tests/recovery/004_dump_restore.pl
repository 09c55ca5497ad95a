# Does a dump carry everything over to another server?
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

sub server
{
	my $node = PostgreSQL::Test::Cluster->new(shift);
	$node->init;
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'harthio'\nharthio.database = 'calls'\nharthio.score_half_life = 0");
	$node->start;
	return $node;
}

my $old = server('old');
$old->safe_psql('postgres', 'CREATE DATABASE calls');
$old->safe_psql('calls', q{
	CREATE EXTENSION harthio;
	UPDATE harthio.provider SET base_score = 81, room_template = 'https://example.test/{session_id}' WHERE provider = 'daily';
	INSERT INTO harthio.provider (provider, base_score, max_sessions) VALUES ('acme', 70, 5);
	SELECT harthio_claim_provider('call', 'alice', '{"net": "symmetric"}');
	SELECT harthio_claim_provider('call', 'bob');
	SELECT harthio_report_outcome('call', 1, true, 900, participant_id => 'alice');
	SELECT harthio_switch_provider('call', 1);
	SELECT harthio_claim_provider('over', 'carol');
	SELECT harthio_end_session('over');
});

# messages of the database, one of a transaction that a new server has yet to come to
$old->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $old->connstr('calls'),
	'-f', 'extension/compat/harthio_realtime.sql' ], 'schema realtime is loaded');
$old->safe_psql('calls', q{
	SELECT realtime.send('{}', 'old', 'topic');
	ALTER TABLE realtime.messages DISABLE TRIGGER stamp;
	UPDATE realtime.messages SET harthio_transaction = '1000000';
	ALTER TABLE realtime.messages ENABLE TRIGGER stamp;
});

# what is learnt is in the table a second later at most
$old->poll_query_until('calls',
	q{SELECT count(*) = 2 FROM harthio.provider_score WHERE provider = 'daily' AND score = 86})
  or die 'scores were not written down';

my @tables = split /\n/, $old->safe_psql('calls', q{
	SELECT c.oid::regclass FROM pg_class c WHERE relnamespace = 'harthio'::regnamespace AND relkind = 'r' ORDER BY 1});
my $everything = join(' UNION ALL ',
	map { "SELECT '$_', to_jsonb(t)::text FROM $_ t" } @tables) . ' ORDER BY 1, 2';
my $learnt = 'SELECT provider, score, successes, failures FROM harthio_providers()';
my $before = $old->safe_psql('calls', $everything);
my $scores = $old->safe_psql('calls', $learnt);
my $dump = $old->basedir . '/calls.sql';
$old->command_ok([ 'pg_dump', '-d', $old->connstr('calls'), '-f', $dump ], 'pg_dump');
$old->stop;

my $new = server('new');
$new->safe_psql('postgres', 'CREATE DATABASE calls');
$new->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $new->connstr('calls'), '-f', $dump ],
	'the dump restores');
is($new->safe_psql('calls', $everything), $before, 'every row of every table is there');
is($new->safe_psql('calls', $learnt), $scores, 'and what was learnt is in use');
is($new->safe_psql('calls', "SELECT epoch, provider FROM harthio_claim_provider('call', 'dave')"),
	'2|acme', 'a call is where it was');
is($new->safe_psql('calls', "SELECT epoch, provider, room FROM harthio_claim_provider('over', 'carol')"),
	'3|daily|https://example.test/over', 'and one that was over opens in its next epoch');

my $since = $new->safe_psql('calls', 'SELECT id FROM realtime.harthio_new_messages(NULL)');
$new->safe_psql('calls', q{SELECT realtime.send('{}', 'new', 'topic')});
is($new->safe_psql('calls', "SELECT event FROM realtime.harthio_new_messages('$since') WHERE topic IS NOT NULL"),
	'new', 'messages of the dump are not sent again, and new ones are');
is($new->safe_psql('calls', "SELECT string_agg(event, ' ') FROM realtime.harthio_replay('topic', 0, 25)"),
	'old new', 'but they can be replayed');

$new->stop;
done_testing();
