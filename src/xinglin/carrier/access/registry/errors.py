"""Refusals of the contract ``registry`` (numbers 1400 to 1449)."""

from __future__ import annotations

from xinglin.kernel.errors import Conflict, Denied, Invalid, NotFound


class RolesInvalid(Invalid):
    """The roles of an account are empty, not ascending or not distinct."""

    code, number, clause = "registry.roles", 1400, "S6.3a"
    en = "The roles of account {account} are not one or more in ascending order."
    zh = "账户 {account} 的角色应至少一个且按升序排列、不重复。"
    hint_en = "Give each role once, in the order of their numbers."
    hint_zh = "每个角色只列一次，按编号排序。"


class RoleNotManaged(Denied):
    """The caller does not manage accounts of a role: administrators' accounts are a super administrator's."""

    code, number, clause = "registry.role_not_managed", 1401, "S6.3a"
    en = "The caller does not manage account {account}: one of its roles is not in the caller's hands."
    zh = "调用者无权管理账户 {account}：其中某一角色超出调用者权限。"
    hint_en = "A super administrator manages administrators; administrators manage the other roles."
    hint_zh = "超级管理员管理各管理员；管理员管理其他角色。"


class AccountExists(Conflict):
    """An account with that id is or was registered."""

    code, number, clause = "registry.account_exists", 1402, "S8.6a"
    en = "Account {account} exists already."
    zh = "账户 {account} 已存在。"
    hint_en = "Choose a new random id."
    hint_zh = "请选用新的随机标识。"


class KeyExists(Conflict):
    """The key is or was registered; a key is never registered twice."""

    code, number, clause = "registry.key_exists", 1403, "S6.3a"
    en = "The key {key} has been registered before."
    zh = "密钥 {key} 曾经登记。"
    hint_en = "Make a new key pair."
    hint_zh = "请生成新的密钥对。"


class KeyUnproven(Denied):
    """The proof of key does not verify: the holder has not shown to have the private half."""

    code, number, clause = "registry.key_unproven", 1404, "S8.2c"
    en = "The proof of the key for member {member}, account '{account}' does not verify."
    zh = "成员 {member}、账户“{account}”的密钥持有证明无效。"
    hint_en = "Sign the proof of key with the key itself, over this chain's id, the member and the account."
    hint_zh = "请用该密钥对本链标识、成员与账户签署持有证明。"


class AccountUnknown(NotFound):
    """No account of the caller's member has that id."""

    code, number, clause = "registry.account_unknown", 1405, "S6.3a"
    en = "The caller's member has no account {account}."
    zh = "调用者所属成员没有账户 {account}。"
    hint_en = "See 'xinglin account list'."
    hint_zh = "参见 xinglin account list。"


class AccountEnded(Conflict):
    """The account has ended; nothing is done to it any more."""

    code, number, clause = "registry.account_ended", 1406, "S6.3a"
    en = "Account {account} has ended."
    zh = "账户 {account} 已终止。"
    hint_en = "Create a new account."
    hint_zh = "请创建新账户。"


class KeyUnknown(NotFound):
    """The key is not registered."""

    code, number, clause = "registry.key_unknown", 1407, "S6.3a"
    en = "The key {key} is not registered."
    zh = "密钥 {key} 未登记。"
    hint_en = "Give the public key as it was registered."
    hint_zh = "请提供登记时的公钥。"


class KeyEnded(Conflict):
    """The key has ended, and the call would change nothing about it."""

    code, number, clause = "registry.key_ended", 1408, "S6.3a"
    en = "The key {key} has ended already."
    zh = "密钥 {key} 已终止。"
    hint_en = "It can only be said to have been compromised earlier than known."
    hint_zh = "只能将其失密时间改为更早。"


class CompromiseTimeInvalid(Invalid):
    """The time since which a key is compromised lies after block time."""

    code, number, clause = "registry.compromise_time", 1409, "S6.3a"
    en = "The key can't be compromised since {compromised}: block time is {time}."
    zh = "失密时间 {compromised} 晚于区块时间 {time}。"
    hint_en = "Give a time that has passed."
    hint_zh = "请给出已经过去的时间。"


class SuperAdministratorNeeded(Conflict):
    """The member would be left without a super administrator that has a key."""

    code, number, clause = "registry.super_administrator", 1410, "S6.3a"
    en = "Member {member} would have no super administrator with a key."
    zh = "成员 {member} 将没有持有密钥的超级管理员。"
    hint_en = "Register another super administrator or another key first; one transaction can do both."
    hint_zh = "请先登记另一超级管理员或新密钥；可在同一事务中完成。"


class NodeExists(Conflict):
    """A node with that id is or was registered."""

    code, number, clause = "registry.node_exists", 1411, "S8.6a"
    en = "Node {node} exists already."
    zh = "节点 {node} 已存在。"
    hint_en = "Choose a new random id."
    hint_zh = "请选用新的随机标识。"


class NodeUnknown(NotFound):
    """No node of the caller's member has that id."""

    code, number, clause = "registry.node_unknown", 1412, "S6.3a"
    en = "The caller's member has no node {node}."
    zh = "调用者所属成员没有节点 {node}。"
    hint_en = "Check the id; each node is kept by its owner."
    hint_zh = "请核对标识；节点由其所有者管理。"


class NodeEnded(Conflict):
    """The node has ended."""

    code, number, clause = "registry.node_ended", 1413, "S6.3a"
    en = "Node {node} has ended."
    zh = "节点 {node} 已终止。"
    hint_en = "Register a new node."
    hint_zh = "请登记新节点。"


class MemberExists(Conflict):
    """A member with that id is or was registered; an ended member does not come back under its id."""

    code, number, clause = "registry.member_exists", 1414, "S8.2c"
    en = "Member {member} exists already."
    zh = "成员 {member} 已存在。"
    hint_en = "An applicant takes a new id; a suspended member returns without applying."
    hint_zh = "申请加入者使用新标识；暂停的成员恢复时无需申请。"


class AccountReserved(Conflict):
    """The account id is named in a proposal by which another member applies to join."""

    code, number, clause = "registry.account_reserved", 1415, "S8.2c"
    en = "The id {account} is reserved for an account of a member that applies to join."
    zh = "标识 {account} 已为正在申请加入的成员的账户保留。"
    hint_en = "Choose a new random id."
    hint_zh = "请选用新的随机标识。"


class PeerExists(Conflict):
    """The peer id is another node's, or was replaced: it serves one node, once."""

    code, number, clause = "registry.peer_exists", 1416, "S6.2b"
    en = "The peer id {peer} is or was another node's, or was replaced."
    zh = "对等节点标识 {peer} 属于或曾属于其他节点，或已被替换。"
    hint_en = "Make a new node key for the engine."
    hint_zh = "请为共识引擎生成新的节点密钥。"


class ValidatorKeyExists(Conflict):
    """The engine key is or was registered, by whomever."""

    code, number, clause = "registry.validator_key_exists", 1417, "S6.2b"
    en = "The engine key {key} is or was registered already."
    zh = "引擎密钥 {key} 已登记或曾被登记。"
    hint_en = "Make a new validator key for the engine; a key serves once."
    hint_zh = "请为共识引擎生成新的验证密钥；密钥只能使用一次。"


class ValidatorUnproven(Denied):
    """The proof of the engine key does not verify."""

    code, number, clause = "registry.validator_unproven", 1418, "S6.2b"
    en = "Member {member} has not proven that it holds the engine key."
    zh = "成员 {member} 未能证明其持有该引擎密钥。"
    hint_en = "Sign the proof of key with the engine key, for this chain and member."
    hint_zh = "请用该引擎密钥对本链与本成员的持有证明签名。"


class ValidatorUnknown(NotFound):
    """The caller's member has no validator that could end."""

    code, number, clause = "registry.validator_unknown", 1419, "S6.2b"
    en = "Member {member} has no validator."
    zh = "成员 {member} 没有验证节点。"
    hint_en = "Nothing is left to do."
    hint_zh = "无需再次操作。"


class LastValidator(Conflict):
    """No validator would be left, and the chain could make no block ever after."""

    code, number, clause = "registry.last_validator", 1420, "S6.2c1"
    en = "No validator would be left to make blocks."
    zh = "将没有任何验证节点可以产生区块。"
    hint_en = "Another member with a vote registers a validator first."
    hint_zh = "请先由另一有表决权的成员登记验证节点。"
