%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The limits of a request: bytes and elements of its body, stanzas in it. Pure.
%%
%% Bytes and elements are counted before anything is parsed, and a body that exceeds a limit is not kept,
%% wherever its request stands in the order of the RIDs.

-module(ecm_bosh_oversize).

-export([check/2, delivery/2]).
-export_type([excess/0]).

%% The first limit that a body exceeds.
-type excess() :: bytes | elements | stanzas.

%% @doc Returns the request, with the limit that its body exceeds in place of that body.
-spec check(Request, ecm_bosh_terms:limits()) -> Request when Request :: ecm_bosh_window:request().
check(#{bytes := Bytes} = Request, #{max_body := Most}) when Bytes > Most ->
    Request#{els := {exceeds, bytes}};
check(Request, #{max_elements := infinity}) ->
    Request;
check(#{els := {unread, Content}} = Request, #{max_elements := Most, counted := Scope}) ->
    case ecm_bosh_body:has_more_elements(Content, Most, Scope) of
        true -> Request#{els := {exceeds, elements}};
        false -> Request
    end;
check(Request, _) ->
    Request.

%% @doc Returns what comes of the stanzas of a body, of which there may be too many.
-spec delivery(Els, ecm_bosh_terms:limits()) -> {deliver, Els} | {exceeds, excess()} when
      Els :: [ecm_bosh_body:xmlel()].
delivery(Els, #{max_stanzas := Most}) when length(Els) > Most -> {exceeds, stanzas};
delivery(Els, _) -> {deliver, Els}.
