%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The key sequence of a BOSH session (XEP-0124, section 15): each request shows a key whose SHA-1 is
%% the key of the request before. So an eavesdropper cannot make a request. Pure.
%%
%% The attribute `newkey' of any request starts a sequence. A repeated request must show its key again. That
%% is compared with the digest that was expected the first time, so the last digests are kept.

-module(ecm_bosh_keys).

-export([new/0, next/2, repeated/3]).
-export_type([keys/0]).

%% One for each request that can be repeated: those that are held, and those whose answers are kept
%% (ecm_bosh_terms:remembered/1). A client may have asked for so many that these are 12, and the next request has
%% one more digest.
-define(REMEMBERED, 13).

%% The expected SHA-1 of the keys, the newest first: of the next request, of the last one, of the one
%% before. A session without keys has none.
-opaque keys() :: [Digest :: binary()].

%% @doc Returns the keys of a session before its first request.
-spec new() -> keys().
new() -> [].

%% @doc Takes the key of the next request in the order of the RIDs.
-spec next(ecm_bosh_window:request(), keys()) -> {ok, keys()} | error.
next(Body, Keys) ->
    case is_expected(Body, Keys) of
        true -> {ok, remember(Body, Keys)};
        false -> error
    end.

%% @doc Returns whether a repeated request shows its key: with `Back' 0 it repeats the last request, with 1
%% the one before. The key of one whose digest is not kept cannot be checked.
-spec repeated(Back :: non_neg_integer(), ecm_bosh_window:request(), keys()) -> boolean().
repeated(Back, Body, Keys) when Back + 1 < length(Keys) ->
    is_expected(Body, lists:nthtail(Back + 1, Keys));
repeated(_, _, _) ->
    true.

-spec is_expected(ecm_bosh_window:request(), keys()) -> boolean().
is_expected(_, []) -> true;
is_expected(#{key := Key}, [Digest | _]) -> crypto:hash(sha, Key) =:= Digest;
is_expected(_, _) -> false.

-spec remember(ecm_bosh_window:request(), keys()) -> keys().
remember(#{newkey := Key}, Keys) -> lists:sublist([digest(Key) | Keys], ?REMEMBERED);
remember(_, []) -> [];
remember(#{key := Key}, Keys) -> lists:sublist([digest(Key) | Keys], ?REMEMBERED).

%% Case does not matter (XEP-0124, section 15.3). A text that is not a hexadecimal SHA-1 becomes the digest
%% of nothing.
-spec digest(binary()) -> binary().
digest(Key) when byte_size(Key) =:= 40 ->
    try binary:decode_hex(Key) catch error:_ -> <<>> end;
digest(_) ->
    <<>>.
