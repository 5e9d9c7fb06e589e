%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The key sequence of a BOSH session (XEP-0124, section 15): each request shows a key whose
%% SHA-1 is the key of the request before it, so that nobody who only listens can make a request.
%% Pure.
%%
%% A sequence starts with the attribute `newkey', in any request. A repeated request has to show
%% its key again. That is compared with what was expected of it the first time, so some
%% expectations are remembered.

-module(ecm_bosh_keys).

-export([new/0, next/2, repeated/3]).
-export_type([keys/0]).

%% More than the requests that can be repeated: see ecm_bosh_terms:remembered/1. With 2 requests held
%% these are 8, and one more is expected of the next one.
-define(REMEMBERED, 10).

%% What the SHA-1 of the keys has to be, the newest first: of the next request, of the last one,
%% of the one before it. Nothing is expected of a session without keys.
-opaque keys() :: [Digest :: binary()].

%% @doc Returns the keys of a session before its first request.
-spec new() -> keys().
new() -> [].

%% @doc Takes the key of the request that comes next in the order of the RIDs.
-spec next(ecm_bosh_window:request(), keys()) -> {ok, keys()} | error.
next(Body, Keys) ->
    case is_expected(Body, Keys) of
        true -> {ok, remember(Body, Keys)};
        false -> error
    end.

%% @doc Returns whether a repeated request shows its key: the one that was the last to come if
%% `Back' is 0, the one before it if it is 1. No key can be wanted of one that is forgotten.
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

%% The case of the letters does not count (XEP-0124, section 15.3). What is no SHA-1 in hexadecimal
%% is the digest of nothing.
-spec digest(binary()) -> binary().
digest(Key) when byte_size(Key) =:= 40 ->
    try binary:decode_hex(Key) catch error:_ -> <<>> end;
digest(_) ->
    <<>>.
