"""Refusals and findings of the patient index (numbers 5500 to 5519).

Facts are random identifiers, row numbers and names of fields; never a name, an identifier or anything else of a person.
"""

from __future__ import annotations

from xinglin.kernel.errors import Conflict, Integrity, Invalid, NotFound


class PersonNotFound(NotFound):
    """The index has no such person."""

    code, number, clause = "patient_index.person_not_found", 5500, "H1"
    en = "The patient index has no person {person}."
    zh = "患者主索引中没有个人 {person}。"
    hint_en = "Check the id; ids are those of this node alone."
    hint_zh = "请核对标识；标识仅在本节点内有效。"


class SubjectNotFound(NotFound):
    """The index has no registration of that source and subject."""

    code, number, clause = "patient_index.subject_not_found", 5501, "H1"
    en = "The patient index has no such patient of this source."
    zh = "患者主索引中没有该来源的这名患者。"
    hint_en = "Take the patient's records in first."
    hint_zh = "请先接收该患者的记录。"


class AlreadyOne(Conflict):
    """Two persons that are to be merged are one already."""

    code, number, clause = "patient_index.already_one", 5502, "H1"
    en = "{one} and {other} are one person already."
    zh = "{one} 与 {other} 已是同一个人。"
    hint_en = "Nothing is left to do."
    hint_zh = "无需再操作。"


class OnlyRegistration(Conflict):
    """A registration that is to be parted from its person is all there is of the person."""

    code, number, clause = "patient_index.only_registration", 5503, "H1"
    en = "Person {person} has no other registration to be parted from."
    zh = "个人 {person} 没有其他登记可供拆分。"
    hint_en = "Undo a merge with its id; a person with one registration is as small as it gets."
    hint_zh = "如需撤销合并，请使用合并标识；仅有一条登记的个人无法再拆分。"


class DecisionNotFound(NotFound):
    """No candidate that waits, merge or link in force has that id."""

    code, number, clause = "patient_index.decision_not_found", 5504, "H1"
    en = "There is no decision or candidate {decision} in force."
    zh = "没有标识为 {decision} 的有效决定或待处理候选。"
    hint_en = "It may have been undone or settled; list what is in force."
    hint_zh = "可能已撤销或已处理；请查看现有列表。"


class IndexRowDamaged(Integrity):
    """A row of the patient index does not authenticate: it was altered, moved, or belongs to another home."""

    code, number, clause = "patient_index.row_damaged", 5505, "S6.2d"
    en = "Row {number} of the patient index's table '{table}' was altered."
    zh = "患者主索引表“{table}”的第 {number} 行被改动。"
    hint_en = "Restore patient_index/index.sqlite from a backup."
    hint_zh = "请从备份恢复 patient_index/index.sqlite。"


class DecisionsMissing(Integrity):
    """The record of decisions has a gap."""

    code, number, clause = "patient_index.decisions_missing", 5506, "S6.2d"
    en = "Decision {number} of the patient index is missing."
    zh = "患者主索引缺少第 {number} 条决定。"
    hint_en = "Restore patient_index/index.sqlite from a backup."
    hint_zh = "请从备份恢复 patient_index/index.sqlite。"


class NotAPatient(Invalid):
    """What should be a FHIR Patient is none."""

    code, number, clause = "patient_index.not_a_patient", 5507, "H1"
    en = "This is not a FHIR Patient: {reason}."
    zh = "这不是 FHIR Patient：{reason}。"
    hint_en = "Give the Patient resource itself."
    hint_zh = "请提供 Patient 资源本身。"


class TraitsInvalid(Invalid):
    """What is to be registered of a person breaks a bound of its form."""

    code, number, clause = "patient_index.traits_invalid", 5508, "H1"
    en = "These traits of a person can't be kept: {reason}."
    zh = "无法保存该个人的特征：{reason}。"
    hint_en = "Texts have up to 512 characters, dates are YYYYMMDD with 00 for what is not known."
    hint_zh = "文本最长 512 个字符，日期为 YYYYMMDD，未知部分为 00。"


class StatedInvalid(Invalid):
    """What is stated of a person, to look the person up, can't be read."""

    code, number, clause = "patient_index.stated", 5511, "H1"
    en = "What is stated of the person can't be read: {reason}."
    zh = "无法读取所提供的个人信息：{reason_zh}。"
    hint_en = (
        "Give lines 'field: value' (name, birth, sex, phone, identifier, id_card, passport ...) or a FHIR Patient."
    )
    hint_zh = "请按“字段: 值”逐行提供（姓名、出生日期、性别、电话、证件号、身份证、护照等），或提供 FHIR Patient。"
