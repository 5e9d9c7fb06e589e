%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The library of a BOSH client, by the request with which it begins a session: what each asks for is its habit. A
%% guess, for statistics: nothing else depends on it. Pure.

-module(ecm_bosh_client).

-export([all/0, client/1]).
-export_type([client/0]).

-type client() :: strophe | stanza | converse | libpurple | smack | gloox | swarm | other.

%% @doc Returns all that are told apart.
-spec all() -> [client()].
all() -> [strophe, stanza, converse, libpurple, smack, gloox, swarm, other].

%% @doc Returns the library. Strophe holds one request and leaves all else out; Converse waits 59 seconds where Strophe
%% waits 60; gloox and jbosh, which is that of Smack, speak of acknowledgements, and libpurple of encryption.
-spec client(ecm_bosh_body:body()) -> client().
client(#{ver := <<"1.6">>, ack := 0}) -> gloox;
client(#{ver := <<"1.6">>, ack := _}) -> other;
client(#{ver := <<"1.8">>, ack := 1}) -> smack;
client(#{ver := <<"1.6">>, secure := true}) -> libpurple;
client(#{ver := <<"1.6">>, hold := 2, wait := 30}) -> stanza;
client(#{ver := <<"1.6">>, hold := 1, wait := 59}) -> converse;
client(#{ver := <<"1.6">>, hold := 1}) -> strophe;
client(#{ver := <<"1.11">>, lang := <<"en">>}) -> swarm;
client(_) -> other.
