%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The rooms of this node (mod_muc) end with it, or forget who is in them. Their members hear nothing of that, and
%% would believe that they are in a room which is empty. So a session that goes on is told that it has left them
%% (XEP-0045, section 9.3, with the status of a service that shuts down): its client may enter again.

-module(ecm_restart_rooms).

-export([leave/1]).

%% Of the session itself, and because the service shuts down.
-define(STATUS, [<<"110">>, <<"332">>]).

%% @doc Returns the session without its rooms, and what it is to be told of them.
-spec leave(ecm_c2s_frozen:frozen()) -> {[Presence :: tuple()], ecm_c2s_frozen:frozen()}.
leave(#{state := #{pres_a := Directed, jid := Jid} = State} = Frozen) ->
    Rooms = [Address || Address <- gb_sets:to_list(Directed), is_of_room(Address)],
    Left = lists:foldl(fun gb_sets:del_element/2, Directed, Rooms),
    {[left(jid:make(Room), Jid) || Room <- Rooms], Frozen#{state := State#{pres_a := Left}}};
leave(Frozen) ->
    {[], Frozen}.

%% A session shows its presence directly (`pres_a') to rooms, and to others who are not on its roster.
-spec is_of_room(jid:ljid()) -> boolean().
is_of_room({Room, Service, Nick}) when Room =/= <<>>, Nick =/= <<>> ->
    lists:member(Service, services()) andalso not is_elsewhere(mod_muc:find_online_room(Room, Service));
is_of_room(_) ->
    false.

%% The domains of rooms of this node's hosts.
-spec services() -> [binary()].
services() ->
    [Service || Host <- ejabberd_option:hosts(), gen_mod:is_loaded(Host, mod_muc),
                Service <- gen_mod:get_module_opt_hosts(Host, mod_muc)].

%% A room on another node of the cluster lives on.
-spec is_elsewhere({ok, pid()} | error) -> boolean().
is_elsewhere({ok, Room}) -> node(Room) =/= node();
is_elsewhere(error) -> false.

-spec left(jid:jid(), jid:jid()) -> Presence :: tuple().
left(Room, Jid) ->
    Item = {xmlel, <<"item">>, [{<<"affiliation">>, <<"none">>}, {<<"role">>, <<"none">>}], []},
    Status = [{xmlel, <<"status">>, [{<<"code">>, Code}], []} || Code <- ?STATUS],
    X = {xmlel, <<"x">>, [{<<"xmlns">>, <<"http://jabber.org/protocol/muc#user">>}], [Item | Status]},
    Presence = xmpp:decode({xmlel, <<"presence">>, [{<<"type">>, <<"unavailable">>}], [X]}, <<"jabber:client">>, []),
    xmpp:set_from_to(Presence, Room, Jid).
