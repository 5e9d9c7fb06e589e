%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The libraries of clients, by what each writes into its first request.

-module(ecm_bosh_client_tests).

-include_lib("eunit/include/eunit.hrl").

clients_test_() ->
    [{atom_to_list(Client), ?_assertEqual(Client, client(Attributes))}
     || {Client, Attributes} <-
            [{strophe, "wait='60' hold='1' ver='1.6' content='text/xml; charset=utf-8' xml:lang='en'"},
             {strophe, "wait='120' hold='1' ver='1.6'"},
             {converse, "wait='59' hold='1' ver='1.6' content='text/xml; charset=utf-8' xml:lang='en'"},
             {stanza, "wait='30' hold='2' ver='1.6' xml:lang='en'"},
             {libpurple, "secure='true' wait='60' hold='1' ver='1.6' xml:lang='en'"},
             {smack, "wait='60' hold='1' ver='1.8' ack='1' xml:lang='en'"},
             {gloox, "secure='false' wait='30' hold='2' ver='1.6' ack='0' xml:lang='en'"},
             {swarm, "wait='60' hold='1' ver='1.11' xml:lang='en'"},
             {other, "wait='60' hold='1' ver='1.6' ack='1'"},
             {other, "wait='60' hold='1' ver='1.10'"},
             {other, ""}]].

client(Attributes) ->
    Body = ["<body rid='7' to='chat.example' xmlns='http://jabber.org/protocol/httpbind' ", Attributes, "/>"],
    {ok, Head, _} = ecm_bosh_body:head(iolist_to_binary(Body)),
    Client = ecm_bosh_client:client(Head),
    ?assert(lists:member(Client, ecm_bosh_client:all())),
    Client.

%% Whatever it says, a client may be.
any_value_of_secure_is_one_test() ->
    ?assertEqual(libpurple, client("secure='perhaps' ver='1.6'")).

%% It costs a session nothing: those with the same terms share it.
it_stays_after_the_login_test() ->
    Options = #{max_wait => 60, max_hold => 1, max_inactivity => 90, max_pause => 120,
                limits => #{max_concat => 1}, newcomer_limits => #{max_concat => 2}},
    {ok, New} = ecm_bosh_terms:new(#{rid => 1, to => <<"a">>, ver => <<"1.6">>, hold => 1, els => []}, Options),
    Known = ecm_bosh_terms:logged_in(New, Options),
    ?assertEqual([strophe, strophe], [ecm_bosh_terms:client(New), ecm_bosh_terms:client(Known)]).
